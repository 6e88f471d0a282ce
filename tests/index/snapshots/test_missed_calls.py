"""What an expired run waited for and when it ended, whoever tells it: itself, its deadline, or its steps."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection as database
from django.utils import timezone

from runsdash.index.models import Connection, Run
from runsdash.index.snapshots.upsert_runs import upsert_run
from runsdash.index.snapshots.upsert_steps import upsert_steps
from runsdash.service import objects
from tests.rows import made_connection, made_run, run_object, waiting_for

pytestmark = pytest.mark.django_db
MIGRATION = import_module("runsdash.index.migrations.0033_missed_calls")
TOLD = ("pending_calls", "ended_at", "duration_s")


@pytest.fixture
def prod(db: None) -> Connection:
    return made_connection()


def step_of(run: Run, name: str, *, number: int = 1, **fields: object) -> dict:
    created = int(run.created_at.timestamp())
    call = {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": "{}", "output": None}}
    return {
        "id": f"step_{number}_{run.upstream_id}", "object": "thread.run.step", "run_id": run.upstream_id,
        "type": "tool_calls", "status": "expired", "created_at": created + 5 * number, "expired_at": created + 600,
        "step_details": {"type": "tool_calls", "tool_calls": [call]},
    } | fields  # fmt: skip


def worked(run: Run, *steps: dict) -> Run:
    upsert_steps(run, [objects.RunStep.from_raw(step) for step in steps], fetched_at=timezone.now())
    return Run.objects.get(pk=run.pk)


def expired(run: Run, **fields: object) -> dict:
    """The run as its server gives it later, without a deadline."""
    ids, created = {"id": run.upstream_id, "thread_id": run.thread.upstream_id}, int(run.created_at.timestamp())
    return run_object(**ids, status="expired", created_at=created, started_at=created + 1, **fields)


def names(run: Run) -> list[str]:
    return [call["name"] for call in run.pending_calls]


def test_steps_tell_of_a_run_that_nobody_saw_wait(prod: Connection) -> None:
    run = made_run(prod, status="expired", age_s=3600)
    answered = step_of(run, "read_logger", status="completed", expired_at=None)  # its server leaves outputs out
    run = worked(run, answered, step_of(run, "find_shipment", number=2))
    assert (names(run), run.ended_at - run.created_at, run.duration_s) == (
        ["find_shipment"],
        timedelta(seconds=600),
        599,
    )
    upsert_run(prod, objects.Run.from_raw(expired(run, metadata={"a": "b"})), fetched_at=timezone.now())
    kept = Run.objects.get(pk=run.pk)
    assert kept.metadata == {"a": "b"}
    assert [getattr(kept, name) for name in TOLD] == [getattr(run, name) for name in TOLD]


def test_what_the_run_itself_told_stays_and_its_deadline_is_its_end(prod: Connection) -> None:
    run = made_run(prod, status="requires_action", required_action=waiting_for("pay_claim"), age_s=3600)
    upsert_run(prod, objects.Run.from_raw(expired(run)), fetched_at=timezone.now())
    run = worked(Run.objects.get(pk=run.pk), step_of(run, "find_shipment"))
    assert (names(run), run.ended_at, run.duration_s) == (["pay_claim"], run.expires_at, 599)


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_no_other_run_is_told_to_have_waited(prod: Connection, status: str) -> None:
    run = worked(made_run(prod, status=status), step_of(made_run(prod), "find_shipment"))
    assert run.pending_calls == []


def test_an_upgrade_writes_it_for_runs_that_are_there(prod: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MIGRATION, "ROWS_AT_ONCE", 2)
    for _ in range(3):
        run = made_run(prod, status="expired", age_s=3600)
        worked(run, step_of(run, "read_logger", status="completed"), step_of(run, "find_shipment", number=2))
    silent, running = made_run(prod, status="expired"), made_run(prod, status="in_progress")
    worked(running, step_of(running, "find_shipment"))
    rows = Run.objects.order_by("pk").values_list("pk", *TOLD)
    expected = list(rows)
    assert [calls for _, calls, *_ in expected if calls]
    Run.objects.update(pending_calls=[], ended_at=None, duration_s=None)
    MIGRATION.write_missed_calls(apps, database.schema_editor())
    assert list(rows) == expected
    assert Run.objects.get(pk=silent.pk).duration_s is None
