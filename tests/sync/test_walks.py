"""Walks through lists of servers that page in other ways: they end, and nothing is called complete that may not be."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from runsdash.actions.rerun import messages_before
from runsdash.index.keeping.archive import meter_of
from runsdash.index.models import Connection, Run, Thread
from runsdash.index.snapshots.upsert_threads import ensure_threads
from runsdash.index.walks import WALK_AGAIN
from runsdash.service import InvalidRequest
from runsdash.sync.archiving import archive_thread
from runsdash.sync.refresh import refresh_run, refresh_thread
from runsdash.sync.worker import Worker

pytestmark = pytest.mark.django_db(transaction=True)
SAID = {"role": "user", "content": "hello"}


@pytest.fixture
def worker(connection, upstream) -> Worker:
    """A worker that no budget holds back, on an upstream that lists no threads."""
    upstream.quirk(no_thread_list=True)
    Connection.objects.update(budget_per_min=0)
    return Worker()


def spoken(upstream, *counts: int, runs: int = 0) -> str:
    """A thread with so many messages in one second, so many in the next, and so many ended runs."""
    thread_id = upstream.post("/threads")["id"]
    for count in counts:
        time.sleep(1 - time.time() % 1)
        for _ in range(count):
            upstream.post(f"/threads/{thread_id}/messages", SAID)
    for _ in range(runs):
        upstream.seed(thread_id=thread_id, steps=0)
    upstream.clear_requests()
    return thread_id


def work_all(worker: Worker, *, seconds: float = 4.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        worker.archives.rests_until.clear()
        worker.run_until_idle(seconds=1)


LONG = [pytest.param(quirk, marks=pytest.mark.long) for quirk in ("has_more_true", "ties_lost")]


@pytest.mark.clock
@pytest.mark.parametrize("quirk", ["after_inclusive", "has_more_false", *LONG])
def test_all_messages_and_runs_come_and_are_called_complete(connection, upstream, quirk):
    upstream.quirk(**{quirk: True})
    thread_id = spoken(upstream, 30, 72, 30, runs=1)
    row = refresh_thread(connection, thread_id=thread_id)
    assert not row.has_all_messages
    time.sleep(2.1)  # after this steps are the last word
    meter = archive_thread(row, within_s=30)
    row.refresh_from_db()
    assert row.messages.count() == 133
    assert (row.has_all_messages, row.has_all_runs, meter.is_complete) == (True, True, True)
    assert len(upstream.requests(path="/messages")) <= 7


FALSE_TOO = pytest.param({"after_ignored": True, "has_more_false": True}, marks=pytest.mark.long)


@pytest.mark.long
@pytest.mark.parametrize("quirk", [{"after_ignored": True}, FALSE_TOO])
def test_a_walk_that_after_does_not_move_rests(connection, upstream, worker, quirk):
    upstream.quirk(**quirk)
    thread_id = spoken(upstream, 132, runs=101)
    ensure_threads(connection, [thread_id])

    ended = Thread.objects.filter(messages_cursor="", messages_doubted_at__isnull=False, runs_doubted_at__isnull=False)
    deadline = time.monotonic() + 80
    while not ended.exists() and time.monotonic() < deadline:
        work_all(worker, seconds=1)

    row = ended.get()
    assert (row.has_all_messages, row.has_all_runs) == (False, False)
    assert not meter_of(row).is_complete
    assert not Run.objects.filter(archived_at__isnull=False).exists()
    assert len([one for one in upstream.requests() if "after=" in one["query"]]) <= 6
    upstream.clear_requests()
    work_all(worker, seconds=2)
    assert [one for one in upstream.requests() if "after=" in one["query"]] == []
    assert not archive_thread(row, within_s=2).is_complete
    assert [one for one in upstream.requests() if "after=" in one["query"]] == []

    upstream.quirk(after_ignored=False)
    past = timezone.now() - WALK_AGAIN
    Thread.objects.update(runs_doubted_at=past, messages_doubted_at=past, checked_at=None)
    archive_thread(row, within_s=30)
    row.refresh_from_db()
    assert (row.messages.count(), row.run_count) == (132 + 101, 101)
    assert (row.has_all_messages, row.has_all_runs) == (True, True)


@pytest.mark.long
def test_steps_that_after_does_not_move_rest(connection, upstream, worker):
    made = upstream.seed(steps=132)
    upstream.quirk(after_ignored=True)
    time.sleep(2.1)
    ensure_threads(connection, [made["thread_id"]])
    upstream.clear_requests()

    work_all(worker)

    row = Run.objects.get()
    assert (row.step_count, row.has_all_steps, row.archived_at) == (100, False, None)
    assert len(upstream.requests(path="/steps")) <= 3
    refresh_run(connection, thread_id=made["thread_id"], run_id=made["run_id"], max_age_s=0)
    assert len(upstream.requests(path="/steps")) <= 3

    upstream.quirk(after_ignored=False)
    Run.objects.update(steps_doubted_at=timezone.now() - WALK_AGAIN - timedelta(seconds=1))
    work_all(worker)
    row.refresh_from_db()
    assert (row.step_count, row.has_all_steps, row.steps_doubted_at) == (132, True, None)


def test_steps_of_one_second_that_a_border_loses_are_never_complete(connection, upstream, worker):
    made = upstream.seed(steps=132)
    upstream.quirk(ties_lost=True)
    time.sleep(2.1)
    ensure_threads(connection, [made["thread_id"]])
    work_all(worker)
    row = Run.objects.get()
    assert (row.step_count, row.has_all_steps, row.archived_at) == (100, False, None)
    assert not meter_of(row.thread).is_complete
    assert len(upstream.requests(path="/steps")) <= 4


@pytest.mark.parametrize("quirk", ["after_ignored", LONG[0]])
def test_threads_are_listed_to_the_end_once(connection, upstream, assistant, quirk):
    Connection.objects.update(budget_per_min=0)
    for _ in range(101):
        upstream.post("/threads")
    upstream.quirk(**{quirk: True})
    upstream.clear_requests()
    Worker().run_until_idle(seconds=3)
    listed = [one for one in upstream.requests(method="GET") if one["path"].endswith("/threads")]
    assert 2 <= len(listed) <= 20
    if quirk == "after_ignored":
        assert len(listed) == 2


@pytest.mark.parametrize("quirk", ["after_inclusive", "has_more_false"])
def test_a_copy_takes_every_message(connection, upstream, assistant, quirk):
    thread_id = spoken(upstream, 160)
    run = upstream.wait(upstream.post(f"/threads/{thread_id}/runs", {"assistant_id": assistant["id"]}))
    row = refresh_run(connection, thread_id=thread_id, run_id=run["id"])
    upstream.quirk(**{quirk: True})
    assert len(messages_before(row)) == 160


def test_a_copy_that_would_lack_messages_is_refused(connection, upstream, assistant):
    thread_id = spoken(upstream, 132)
    run = upstream.wait(upstream.post(f"/threads/{thread_id}/runs", {"assistant_id": assistant["id"]}))
    row = refresh_run(connection, thread_id=thread_id, run_id=run["id"])
    upstream.quirk(after_ignored=True)
    upstream.clear_requests()
    with pytest.raises(InvalidRequest, match="would lack"):
        messages_before(row)
    assert len(upstream.requests(path="/messages")) in (2, 3)  # one more when they were sent in two seconds
