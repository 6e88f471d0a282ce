"""The rules of the upsert: age, ends, last known values, sums, and values no server should send."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runsdash.index.models import (
    Connection,
    DirtyHour,
    Message,
    Run,
    RunBody,
    RunStep,
    RunText,
    Thread,
    ThreadMetadata,
)
from runsdash.index.snapshots.upsert_messages import upsert_messages
from runsdash.index.snapshots.upsert_runs import upsert_runs
from runsdash.index.snapshots.upsert_steps import upsert_steps
from runsdash.index.snapshots.upsert_threads import ensure_threads, upsert_threads
from runsdash.index.storage.bodies import raw_object, raw_text, shown
from runsdash.index.storage.keys import HASH_BITS, key_for
from runsdash.index.storage.previews import SHORT_BODY_BYTES, run_preview
from runsdash.service import objects
from runsdash.service.statuses import RunStatus
from tests.index.snapshots.snapshots import everything
from tests.rows import made_connection, preview_of, run_object

pytestmark = pytest.mark.django_db
AGE = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ENDED = [status for status in RunStatus if status.is_terminal]
GOING = [status for status in RunStatus if status.is_active]


@pytest.fixture
def prod(db: None) -> Connection:
    return made_connection()


def seen(connection: Connection, *, at_s: float = 0, **fields: object) -> Run:
    """The run as it stands after a snapshot of that age."""
    raw = run_object(**{"id": "run_a", "thread_id": "thread_a", **fields})
    upsert_runs(connection, [objects.Run.from_raw(raw)], fetched_at=AGE + timedelta(seconds=at_s))
    return Run.objects.get(upstream_id=raw["id"][:200])


# Two at once


@pytest.mark.django_db(transaction=True)
def test_a_message_and_a_snapshot_of_one_run_do_not_block_each_other() -> None:
    prod = made_connection()
    run = seen(prod, status="queued")
    said = {"id": "msg_a", "run_id": "run_a", "content": [{"type": "text", "text": {"value": "Seven are left."}}]}
    failures: list[BaseException] = []

    def take() -> None:
        try:
            seen(prod, at_s=5, status="in_progress", instructions="Count what is left.")
        except Exception as error:  # noqa: BLE001 told below
            failures.append(error)
        database.close()

    other = threading.Thread(target=take)
    with transaction.atomic():
        upsert_messages(run.thread, [objects.Message.from_raw(said)], fetched_at=AGE)
        other.start()
        time.sleep(0.3)  # it holds the thread and waits for the run's words now; we commit a message of the thread
    other.join(10)
    assert failures == []
    run.refresh_from_db()
    assert (run.status, Message.objects.count()) == ("in_progress", 1)
    assert {"seven", "count"} <= set(RunText.objects.get(run=run).words.split())


# Age and ends


def test_a_newer_snapshot_wins_and_an_older_one_changes_nothing(prod: Connection) -> None:
    seen(prod, at_s=10, model="new", status="queued")
    assert seen(prod, at_s=5, model="old", status="queued").model == "new"
    assert seen(prod, at_s=10, model="same age", status="queued").model == "same age"
    assert seen(prod, at_s=15, model="newer", status="queued").model == "newer"
    assert raw_object(RunBody.objects.get())["model"] == "newer"


@pytest.mark.parametrize("ended", ENDED)
@pytest.mark.parametrize("going", GOING)
def test_an_end_is_never_left(prod: Connection, ended: RunStatus, going: RunStatus) -> None:
    seen(prod, status=ended.value)
    run = seen(prod, at_s=60, status=going.value, model="later")
    assert (run.status, run.model) == (ended.value, "gpt-4o")


def test_one_end_may_follow_another(prod: Connection) -> None:
    seen(prod, status="expired")
    assert seen(prod, at_s=5, status="completed").status == "completed"
    assert seen(prod, at_s=1, status="failed").status == "completed"


def test_last_known_values_stay(prod: Connection) -> None:
    before = seen(prod, status="requires_action", usage={"total_tokens": 7})
    after = seen(prod, at_s=5, status="completed", usage=None, expires_at=None, started_at=None)
    for name in ("expires_at", "started_at", "pending_calls", "total_tokens"):
        assert getattr(after, name) == getattr(before, name), name
    assert after.pending_calls
    assert after.waits_for == ""


def test_every_change_of_status_is_kept_once(prod: Connection) -> None:
    for at_s, status in enumerate(("queued", "queued", "in_progress", "completed", "completed")):
        run = seen(prod, at_s=at_s, status=status)
    assert [one.status for one in run.statuses_seen.order_by("seen_at")] == ["queued", "in_progress", "completed"]
    assert run.status_since == AGE + timedelta(seconds=3)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations([(1, "queued"), (2, "in_progress"), (3, "requires_action"), (4, "completed"), (5, "completed")]))
def test_snapshots_in_any_order_end_alike(prod: Connection, order: list[tuple[int, str]]) -> None:
    Run.objects.all().delete()
    for at_s, status in order:
        run = seen(prod, at_s=at_s, status=status)
    assert run.status == "completed"
    assert run.fetched_at == AGE + timedelta(seconds=5)


def test_a_second_time_changes_nothing(prod: Connection) -> None:
    raws = [objects.Run.from_raw(run_object(thread_id="thread_a", metadata={"a": "b"})) for _ in range(5)]
    upsert_runs(prod, raws, fetched_at=AGE)
    before = everything(prod)
    upsert_runs(prod, raws, fetched_at=AGE)
    assert everything(prod) == before


# Sums


def test_the_sums_of_a_thread_follow_its_runs(prod: Connection) -> None:
    first = seen(prod, id="run_1", status="queued", usage=None)
    assert thread_sums() == (1, None, first.created_at)
    seen(prod, id="run_1", at_s=5, usage={"total_tokens": 10})
    second = seen(prod, id="run_2", age_s=5, usage={"total_tokens": 5})
    assert thread_sums() == (2, 15, second.created_at)
    seen(prod, id="run_2", at_s=9, usage={"total_tokens": 6})
    seen(prod, id="run_2", at_s=2, usage={"total_tokens": 900})
    assert thread_sums()[:2] == (2, 16)


def thread_sums() -> tuple:
    return Thread.objects.values_list("run_count", "total_tokens", "last_run_at").get(upstream_id="thread_a")


def test_a_run_that_moves_leaves_its_thread(prod: Connection) -> None:
    seen(prod, status="queued", usage={"total_tokens": 3})
    seen(prod, at_s=5, thread_id="thread_b", usage={"total_tokens": 4})
    counts = dict(Thread.objects.values_list("upstream_id", "run_count"))
    assert counts == {"thread_a": 0, "thread_b": 1}
    assert Thread.objects.get(upstream_id="thread_b").total_tokens == 4


def test_steps_are_counted_with_their_calls_and_tools(prod: Connection) -> None:
    run = seen(prod, status="requires_action")
    upsert_steps(
        run, [objects.RunStep.from_raw(step(number, "get_stock", "send_email")) for number in (1, 2)], fetched_at=AGE
    )
    upsert_steps(run, [objects.RunStep.from_raw(step(2, "get_stock"))], fetched_at=AGE)
    assert (run.step_count, run.tool_call_count) == (2, 3)
    kept = Run.objects.get()
    assert (kept.step_count, kept.tool_call_count) == (2, 3)
    assert set(kept.tools_used.values_list("name", flat=True)) == {"get_stock", "send_email"}


def step(number: int, *names: str) -> dict:
    calls = [
        {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": "{}"}} for name in names
    ]
    return {
        "id": f"step_{number}", "created_at": 1_790_000_000 + number, "type": "tool_calls", "status": "completed",
        "step_details": {"type": "tool_calls", "tool_calls": calls},
    }  # fmt: skip


def test_steps_stay_in_place_though_a_page_lacks_some_between_them(prod: Connection) -> None:
    run = seen(prod, created_at=1_790_000_100)  # its clock is ahead, so all steps share its second
    steps = [objects.RunStep.from_raw(step(number)) for number in range(7)]
    upsert_steps(run, steps, fetched_at=AGE)
    page = [steps[2], steps[5], steps[6]]
    upsert_steps(run, page, fetched_at=AGE + timedelta(seconds=1), after=1, is_reversed=True)
    in_order = RunStep.objects.filter(run=run).order_by("position", "id").values_list("upstream_id", flat=True)
    assert list(in_order) == [one.id for one in steps]


def test_whoever_hears_of_an_end_has_the_steps_read_again_from_the_first_open_one(prod: Connection) -> None:
    run = seen(prod, status="in_progress")
    steps = [
        objects.RunStep.from_raw({
            "id": f"step_{number}", "run_id": "run_a", "created_at": int(AGE.timestamp()) + number,
            "type": "tool_calls", "status": status, "step_details": {"type": "tool_calls", "tool_calls": []},
        })
        for number, status in enumerate(("completed", "in_progress", "completed"))
    ]  # fmt: skip
    upsert_steps(run, steps, fetched_at=AGE)
    Run.objects.update(steps_walked_at=AGE, steps_cursor="step_2")
    assert seen(prod, at_s=1, status="in_progress").steps_walked_at
    run = seen(prod, at_s=2, status="completed")
    assert (run.has_all_steps, run.steps_walked_at, run.steps_cursor) == (False, None, "step_0")
    Run.objects.update(has_all_steps=True)
    assert seen(prod, at_s=3, status="completed", metadata={"a": "b"}).has_all_steps


def test_what_others_write_stays(prod: Connection) -> None:
    seen(prod, status="queued")
    times = dict.fromkeys(("archived_at", "steps_checked_at", "steps_walked_at"), AGE)
    kept = {"lease_token": "t", "steps_cursor": "c", "has_all_steps": True} | times
    Run.objects.update(**kept)
    run = seen(prod, at_s=5, status="in_progress")
    assert {name: getattr(run, name) for name in kept} == kept


@pytest.mark.parametrize("count", [1, 40])
def test_the_number_of_queries_does_not_grow_with_the_runs(prod: Connection, count: int) -> None:
    raws = [objects.Run.from_raw(run_object(thread_id=f"t{number % 7}")) for number in range(count)]
    with CaptureQueriesContext(
        database,
    ) as queries:
        upsert_runs(prod, raws, fetched_at=AGE)
    without_words = [
        one for one in queries.captured_queries if "runtext" not in one["sql"] and "body" not in one["sql"]
    ]
    assert len([one for one in without_words if "index_message" not in one["sql"]]) <= 35
    assert DirtyHour.objects.exists()


# Threads


def test_threads_are_made_once_and_in_bulk(prod: Connection) -> None:
    ids = [f"thread_{number}" for number in range(300)]
    with CaptureQueriesContext(database) as queries:
        ensure_threads(prod, ids + ids)
    assert len(queries) < 20
    rows = ensure_threads(prod, [*ids[:5], "thread_new"])
    assert len(rows) == 6
    assert Thread.objects.count() == 301


def test_a_thread_keeps_its_newest_content(prod: Connection) -> None:
    for at_s, note in ((10, "new"), (5, "old")):
        thread = objects.Thread.from_raw(
            {"id": "t", "object": "thread", "metadata": {"note": note}, "created_at": 1_790_000_000}
        )
        upsert_threads(prod, [thread], fetched_at=AGE + timedelta(seconds=at_s))
    assert Thread.objects.get().metadata == {"note": "new"}


def test_pairs_of_a_thread_follow_its_metadata(prod: Connection) -> None:
    for at_s, metadata in enumerate(
        [{}, {"customer": "C-1", "k" * 99: "v" * 999}, {"customer": "C-2"}, {"customer": "C-2"}]
    ):
        raw = {"id": "t", "object": "thread", "metadata": metadata, "created_at": 1_790_000_000}
        with CaptureQueriesContext(database) as queries:
            upsert_threads(prod, [objects.Thread.from_raw(raw)], fetched_at=AGE + timedelta(seconds=at_s))
        pairs = dict(ThreadMetadata.objects.filter(thread__upstream_id="t").values_list("key", "value"))
        assert pairs == {key[:64]: value[:512] for key, value in metadata.items()}
    assert not [one for one in queries.captured_queries if "threadmetadata" in one["sql"]]  # nothing had changed


# Keys


def test_a_taken_key_is_gone_around(prod: Connection) -> None:
    raw = run_object(id="run_a")
    key = key_for(connection_id=prod.pk, upstream_id="run_a", created_at=datetime.fromtimestamp(raw["created_at"], UTC))
    thread = ensure_threads(prod, ["t"])["t"]
    Run.objects.create(id=key, connection=prod, upstream_id="other", thread=thread, created_at=AGE, status="queued")
    rows = upsert_runs(prod, [objects.Run.from_raw(raw)], fetched_at=AGE)
    assert rows["run_a"].pk == key + 1
    assert rows["run_a"].pk >> HASH_BITS == raw["created_at"]
    assert Run.objects.get(pk=key).upstream_id == "other"


def test_two_connections_may_know_one_id(prod: Connection) -> None:
    other = made_connection("other")
    raw = objects.Run.from_raw(run_object(id="run_a"))
    keys = {upsert_runs(one, [raw], fetched_at=AGE)["run_a"].pk for one in (prod, other)}
    assert len(keys) == 2


# Hostile values


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "run_" + "x" * 500},
        {"id": "run_\x00\ud800"},
        {"thread_id": "t" * 500 + "\x00"},
        {"metadata": {"k" * 500: "v" * 9999, "\x00": "\udfff"}},
        {"usage": {"prompt_tokens": 10**40, "completion_tokens": float("nan"), "total_tokens": -1}},
        {"usage": {"total_tokens": float("inf")}},
        {"created_at": 10**30, "started_at": -5, "completed_at": "tomorrow", "expires_at": float("nan")},
        {"created_at": None, "status": None, "model": {"a": 1}, "assistant_id": 7, "tools": "no", "metadata": []},
        {"status": "x" * 300 + "\x00"},
        {"instructions": "\x00\ud800" * 100_000},
        {"last_error": {"code": "\x00" * 500, "message": "\udfff" * 5000}, "status": "failed"},
        {"required_action": {"type": "x" * 99, "x" * 99: {"tool_calls": [{"id": "\x00", "function": None}]}}},
    ],
    ids=range(12),
)
def test_hostile_runs_come_in(prod: Connection, fields: dict) -> None:
    raw = run_object(status="requires_action") | fields
    (row,) = upsert_runs(prod, [objects.Run.from_raw(raw)], fetched_at=AGE).values()
    kept = Run.objects.select_related("body").get(pk=row.pk)
    assert preview_of(kept.body)
    assert len(raw_text(kept.body)) == kept.body.size


@pytest.mark.parametrize(("chars", "is_stored"), [(100, False), (SHORT_BODY_BYTES, True)])
def test_only_a_long_body_has_its_preview_stored(prod: Connection, chars: int, is_stored: bool) -> None:
    run = seen(prod, instructions="x" * chars)
    body = RunBody.objects.get(run=run)
    assert bool(body.preview) is is_stored
    (found,) = shown(RunBody.objects.all())
    assert found.preview == json.loads(json.dumps(run_preview(objects.Run.from_raw(raw_object(body)))))
    assert found.preview["instructions"] == {"text": "x" * chars, "size": chars}


def test_ids_that_differ_only_beyond_what_is_kept_are_one(prod: Connection) -> None:
    raws = [objects.Run.from_raw(run_object(id="run_" + "x" * 300 + end)) for end in "ab"]
    upsert_runs(prod, raws, fetched_at=AGE)
    assert Run.objects.count() == 1


def test_hostile_steps_and_messages_come_in(prod: Connection) -> None:
    run = seen(prod)
    calls = [{"type": "function", "function": {"name": "\x00" * 300, "arguments": "\ud800", "output": 10**50}}] * 60
    raw = {"id": "s" * 400, "created_at": float("nan"), "step_details": {"tool_calls": calls}, "usage": "x"}
    upsert_steps(run, [objects.RunStep.from_raw(raw)], fetched_at=AGE)
    kept = RunStep.objects.get()
    assert (len(kept.upstream_id), kept.call_count, kept.created_at) == (200, 60, run.created_at)
    parts = [
        {"type": "text", "text": {"value": "\x00\udfff", "annotations": [{"text": "\x00", "start_index": 10**40}]}}
    ]
    message = {"id": "m\x00", "role": "r" * 99, "content": [*parts, 5, None], "metadata": {"\x00": "\x00"}}
    upsert_messages(run.thread, [objects.Message.from_raw(message)], fetched_at=AGE)
    assert "\x00" not in str(Message.objects.get().parts)
