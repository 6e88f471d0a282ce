"""Any object of a server, changed anywhere, goes through parser, index and pages: kept whole, no error, few statements."""

import copy
import json
from itertools import count

import pytest
from django.db import reset_queries
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from runsdash.index.models import Connection, MessageBody, Run, RunBody, RunStep, StepBody
from runsdash.index.snapshots.upsert_assistants import upsert_assistants
from runsdash.index.snapshots.upsert_messages import upsert_messages
from runsdash.index.snapshots.upsert_runs import upsert_run
from runsdash.index.snapshots.upsert_steps import upsert_steps
from runsdash.index.snapshots.upsert_threads import upsert_threads
from runsdash.index.storage.bodies import raw_object
from runsdash.service import objects
from runsdash.service.decoding import Undecodable, decode_json
from tests.hostile_rows import id_of, message_objects, run_object, step_objects
from tests.queries import at_most
from tests.service.test_objects_survive_anything import ANY_JSON, FIELDS

TEXTS = ["seven left", '{"sku": "B-12"}']
ADDRESS = {"id", "thread_id"}  # by which pages find an object; what else changes, changes nothing about that
COMMON = ["object", "status", "created_at", "metadata", "usage", "content", "required_action", "role", "type", "name"]
KINDS = ["run", "steps", "messages", "thread", "assistant"]
STATEMENTS = 60  # of one page; what the objects hold adds none
TAKING = 150  # of some thirty objects or events that are taken in, likewise
numbers = count()


def objects_of(name: str, *, waits: bool) -> dict:
    """A thread with everything, as a server sends it."""
    thread = {"id": id_of("thread", name), "object": "thread", "created_at": 1_795_000_000, "metadata": {"user": "u-9"},
              "tool_resources": {"file_search": {"vector_store_ids": ["vs_1"]}}}  # fmt: skip
    assistant = {"id": id_of("asst", name), "object": "assistant", "name": "Stock bot", "model": "gpt-4o"}
    return {
        "run": run_object(name, TEXTS, waits=waits),
        "steps": [*step_objects(name, TEXTS), *foundry_steps(name)],
        "messages": message_objects(name, TEXTS),
        "thread": thread,
        "assistant": assistant,
    }


def foundry_steps(name: str) -> list[dict]:
    """Steps with calls of Foundry's own: an agent that started a run, a server's tools, a call of one, a search."""
    agent = {"name": "stocks", "arguments": "{}", "output": "7 left", "run_id": id_of("run", f"{name}child"),
             "thread_id": id_of("thread", f"{name}child"), "agent_id": "asst_child"}  # fmt: skip
    calls = [
        {"id": "call_a", "type": "connected_agent", "connected_agent": agent},
        {"id": "call_m", "type": "mcp", "name": "search", "arguments": "{}", "server_label": "docs", "output": None},
        {"id": "call_b", "type": "bing_grounding", "bing_grounding": {"requesturl": "https://search.example/?q=x"}},
    ]
    listed = {
        "type": "mcp_list_tools",
        "id": "act_1",
        "server_label": "docs",
        "tools": {"search": {"description": "S"}},
    }
    details = [("tool_calls", calls), ("activities", [listed])]
    shared = {"object": "thread.run.step", "run_id": id_of("run", name), "thread_id": id_of("thread", name),
              "status": "completed", "created_at": 1_793_534_400, "completed_at": 1_793_534_402}  # fmt: skip
    return [
        shared | {"id": id_of("step", f"{name}f{kind}"), "type": kind, "step_details": {"type": kind, kind: value}}
        for kind, value in details
    ]


def places_in(value: object, path: tuple = ()) -> list[tuple]:
    """The paths of all that may change."""
    found = [path] if path and path[-1] not in ADDRESS else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found + [one for key, item in items for one in places_in(item, (*path, key))]


@st.composite
def mutations(draw: st.DrawFn) -> list[tuple]:
    """Where, by a share of all places, what kind of change, and a value for it."""
    change = st.sampled_from(["replace", "replace", "remove", "in a list", "under value", "twice"])
    share = st.floats(0, 1, exclude_max=True)
    return draw(st.lists(st.tuples(share, change, ANY_JSON), min_size=1, max_size=5))


@st.composite
def random_fields(draw: st.DrawFn) -> dict:
    """Any JSON in the place of all fields of an object, but those by which pages find it."""
    names = st.sampled_from([*FIELDS, *COMMON]) | st.text(max_size=6)
    drawn = draw(st.dictionaries(names, ANY_JSON, max_size=12))
    return {name: value for name, value in drawn.items() if name not in ADDRESS}


def randomised(value: object, fields: dict) -> object:
    """Returns an object, or each of a list, with these fields instead of its own."""
    if isinstance(value, list):
        return [randomised(one, fields) for one in value]
    return fields | {name: one for name, one in value.items() if name in ADDRESS}


def mutate(value: object, changes: list[tuple]) -> object:
    value = copy.deepcopy(value)
    for share, change, new in changes:
        places = [one for one in places_in(value) if len(one) > isinstance(value, list)]  # a list's items stay objects
        if not places:
            break
        *path, last = places[int(share * len(places))]
        owner = value
        for key in path:
            owner = owner[key]
        if change == "remove":
            del owner[last]
        else:
            old = owner[last]
            changed = {
                "replace": copy.deepcopy(new),
                "in a list": [old],
                "under value": {"value": old},
                "twice": [old, old],
            }
            owner[last] = changed[change]
    return value


def as_received(value: object) -> object:
    """What the service makes of it on the wire."""
    try:
        return decode_json(json.dumps(value).encode())
    except (Undecodable, ValueError, RecursionError):
        assume(False)


def store(connection: Connection, found: dict) -> Run:
    """As a refresh does it."""
    now = timezone.now()
    threads = upsert_threads(connection, [objects.Thread.from_raw(found["thread"])], fetched_at=now)
    upsert_assistants(connection, [objects.Assistant.from_raw(found["assistant"])], fetched_at=now)
    run = upsert_run(connection, objects.Run.from_raw(found["run"]), fetched_at=now)
    upsert_steps(run, [objects.RunStep.from_raw(one) for one in found["steps"]], fetched_at=now)
    thread = threads[found["thread"]["id"]]
    upsert_messages(thread, [objects.Message.from_raw(one) for one in found["messages"]], fetched_at=now)
    Run.objects.filter(pk=run.pk).update(has_all_steps=True)
    return Run.objects.select_related("thread").get(pk=run.pk)


def nothing_is_lost(run: Run, found: dict) -> None:
    assert raw_object(RunBody.objects.get(run=run)) == found["run"]
    steps = StepBody.objects.filter(step__run=run)
    assert sorted(map(json.dumps, map(raw_object, steps))) == sorted(map(json.dumps, found["steps"]))
    messages = MessageBody.objects.filter(message__thread=run.thread)
    assert sorted(map(json.dumps, map(raw_object, messages))) == sorted(map(json.dumps, found["messages"]))
    assert json.loads(run.thread.body) == found["thread"]


def pages_of(run: Run, kind: str) -> list[str]:
    """The pages that show an object of this kind."""
    thread_path = f"/threads/{run.thread.upstream_id}/"
    run_path = f"{thread_path}runs/{run.upstream_id}/"
    steps = RunStep.objects.filter(run=run).values_list("upstream_id", flat=True)
    forms = [f"{run_path}{name}/" for name in ("metadata", "tool-outputs", "rerun", "cancel")]
    lists = ["/runs/", "/needs-action/", "/", f"/compare/?a={run.upstream_id}&b={run.upstream_id}"]
    pages = {
        "run": [run_path, f"{run_path}live/", f"{run_path}?tab=raw", thread_path, *lists, *forms],
        "steps": [run_path, *(f"{run_path}?step={step}" for step in steps), lists[-1]],
        "messages": [f"{run_path}?tab=conversation", thread_path, lists[-1]],
        "thread": [thread_path, f"{thread_path}live/", "/threads/"],
        "assistant": [run_path, "/runs/", "/"],
    }
    return [*pages[kind], f"{run_path}raw.json", f"{run_path}export.zip"]


def pages_hold(client: Client, run: Run, found: dict, kind: str) -> None:
    for path in pages_of(run, kind):
        with at_most(STATEMENTS):
            answer = client.get(path)
            content = answer.getvalue()
        assert answer.status_code == 200, (path, answer.status_code)
        if path.endswith("raw.json"):
            assert json.loads(content) == found["run"]


@pytest.fixture
def archive(db: None) -> Connection:
    """A server that is off: its objects are only read."""
    return Connection.objects.create(
        slug="archive", name="archive", base_url="http://127.0.0.1:9/v1", kind="sandbox", is_enabled=False
    )


def survives(archive: Connection, operator: Client, kind: str, changes: list[tuple] | dict, *, waits: bool) -> None:
    reset_queries()  # Django keeps 9,000
    found = objects_of(f"m{next(numbers)}", waits=waits)
    change = randomised if isinstance(changes, dict) else mutate
    found[kind] = as_received(change(found[kind], changes))
    with at_most(TAKING):
        run = store(archive, found)
    nothing_is_lost(run, found)
    pages_hold(operator, run, found, kind)
    Run.objects.filter(pk=run.pk).update(status="completed")  # one waiting run at a time: lists grow by none


# No shrinking: an example opens twenty pages, and its changes are few.
SHARED = {
    "phases": [Phase.explicit, Phase.reuse, Phase.generate],
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
}


@pytest.mark.parametrize("kind", ["run", "steps"])
@given(changes=mutations(), waits=st.booleans())
@settings(max_examples=4, **SHARED)
def test_a_mutated_object_is_kept_and_shown(archive, operator, kind, changes, waits):
    survives(archive, operator, kind, changes, waits=waits)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", KINDS)
@given(changes=mutations(), waits=st.booleans())
@settings(max_examples=80, **SHARED)
def test_many_mutated_objects_are_kept_and_shown(archive, operator, kind, changes, waits):
    survives(archive, operator, kind, changes, waits=waits)


@pytest.mark.parametrize("kind", KINDS)
@given(fields=random_fields())
@settings(max_examples=2, **SHARED)
def test_an_object_of_any_fields_is_kept_and_shown(archive, operator, kind, fields):
    survives(archive, operator, kind, fields, waits=False)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", KINDS)
@given(fields=random_fields())
@settings(max_examples=60, **SHARED)
def test_many_objects_of_any_fields_are_kept_and_shown(archive, operator, kind, fields):
    survives(archive, operator, kind, fields, waits=False)
