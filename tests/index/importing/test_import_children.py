"""Runs that a call of another run started, by an import: found whichever of the two comes first."""

from itertools import permutations

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from runsdash.index.models import ChildRun, Connection, PurgedThread, Run, RunStep, Thread
from runsdash.index.snapshots.upsert_steps import upsert_steps
from runsdash.service import objects
from tests.index.importing.test_import import imported
from tests.index.importing.test_import import prod as prod
from tests.rows import run_object

pytestmark = pytest.mark.django_db
ASKED = {"run_id": "run_child", "thread_id": "thread_child", "name": "customs", "arguments": "{}", "output": None}


def run_of(name: str) -> dict:
    return run_object(id=f"run_{name}", thread_id=f"thread_{name}")


def step_of(name: str, **agent: object) -> dict:
    call = {"id": f"call_{name}", "type": "connected_agent", "connected_agent": ASKED | agent}
    return {
        "id": f"step_{name}", "object": "thread.run.step", "run_id": f"run_{name}", "thread_id": f"thread_{name}",
        "type": "tool_calls", "status": "completed", "created_at": 1, "completed_at": 3,
        "step_details": {"type": "tool_calls", "tool_calls": [call]},
    }  # fmt: skip


def links() -> list[tuple[str, str, str]]:
    """Who started which run by which step."""
    steps = dict(RunStep.objects.values_list("pk", "upstream_id"))
    return [(one.parent.upstream_id, steps[one.step_key], one.upstream_id) for one in ChildRun.objects.all()]


ORDERS = list(permutations(["parent", "step", "child"]))


@pytest.mark.parametrize("order", ORDERS)
def test_parent_and_child_find_each_other_in_any_order(prod: Connection, order: tuple[str, ...]) -> None:
    in_order(prod, [order])


@pytest.mark.parametrize("order", [one for one in ORDERS if one.index("parent") < one.index("step")])
def test_they_do_from_imports_one_after_the_other(prod: Connection, order: tuple[str, ...]) -> None:
    """A step is none without its run, and comes after it."""
    in_order(prod, [(name,) for name in order])


def in_order(prod: Connection, imports: list[tuple[str, ...]]) -> None:
    raws = {"parent": run_of("parent"), "step": step_of("parent"), "child": run_of("child")}
    for names in imports:
        imported(prod, [raws[name] for name in names])
    assert links() == [("run_parent", "step_parent", "run_child")]
    assert Run.objects.get(upstream_id="run_child").thread.upstream_id == "thread_child"
    assert sorted(Thread.objects.values_list("upstream_id", flat=True)) == ["thread_child", "thread_parent"]


def test_a_thread_that_the_import_does_not_bring_is_known_but_for_purged_ones(prod: Connection) -> None:
    PurgedThread.objects.create(connection=prod, upstream_id="thread_gone")
    other = step_of("parent") | {"id": "step_other"}
    other["step_details"]["tool_calls"][0]["connected_agent"] = ASKED | {
        "run_id": "run_gone",
        "thread_id": "thread_gone",
    }
    imported(prod, [run_of("parent"), step_of("parent"), other])
    assert {child for _, _, child in links()} == {"run_child", "run_gone"}
    assert sorted(Thread.objects.values_list("upstream_id", flat=True)) == ["thread_child", "thread_parent"]


def test_a_second_import_and_a_call_of_itself_add_nothing(prod: Connection) -> None:
    for _ in range(2):
        imported(prod, [run_of("parent"), step_of("parent"), run_of("self"), step_of("self", run_id="run_self")])
    assert links() == [("run_parent", "step_parent", "run_child")]


@pytest.mark.parametrize("again", ["alone", "with others"])
def test_a_second_import_adds_links_that_were_not_kept(prod: Connection, again: str) -> None:
    family = [run_of("parent"), step_of("parent")]
    imported(prod, family)
    Thread.objects.filter(upstream_id="thread_child").delete()
    ChildRun.objects.all().delete()
    imported(prod, family if again == "alone" else [*family, run_of("new"), step_of("new", run_id="run_other")])
    assert ("run_parent", "step_parent", "run_child") in links()
    assert Thread.objects.filter(upstream_id="thread_child").exists()


def test_a_second_import_of_other_calls_looks_for_no_links(prod: Connection) -> None:
    plain = step_of("parent")
    plain["step_details"]["tool_calls"] = [
        {"id": "call_f", "type": "function", "function": {"name": "f", "arguments": '{"run_id": "run_x"}'}}
    ]
    for count in (1, 2):
        with CaptureQueriesContext(database) as captured:
            imported(prod, [run_of("parent"), plain])
        said = [one["sql"] for one in captured if "index_childrun" in one["sql"]]
        assert count == 1 or not said
    assert links() == []


def test_steps_that_are_read_again_add_links_that_were_not_kept(prod: Connection) -> None:
    imported(prod, [run_of("parent")])
    run, step = Run.objects.get(), objects.RunStep.from_raw(step_of("parent"))
    for _ in range(2):
        ChildRun.objects.all().delete()
        upsert_steps(run, [step], fetched_at=timezone.now())
        assert links() == [("run_parent", "step_parent", "run_child")]
