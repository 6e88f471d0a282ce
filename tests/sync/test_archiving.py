"""The archive is completed: messages walked back to the first, files fetched once, runs marked when all is there."""

import time
from datetime import timedelta

import pytest
from django.db import connection as database
from django.utils import timezone

from runsdash.index.keeping.archive import file_ids_of_run, meter_of, want_files
from runsdash.index.models import ArchivedFile, Connection, Message, Run, Thread
from runsdash.index.snapshots.upsert_threads import ensure_threads
from runsdash.sync.archiving import archive_thread, read_older_messages
from runsdash.sync.refresh import refresh_run, refresh_thread
from runsdash.sync.worker import Worker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker(connection, upstream) -> Worker:
    """A worker that no budget holds back, on an upstream that lists no threads."""
    upstream.quirk(no_thread_list=True)
    Connection.objects.update(budget_per_min=0)
    return Worker()


def work(worker: Worker, *, seconds: float = 5.0) -> None:
    """Rounds until there is nothing left to archive."""
    deadline = time.monotonic() + seconds
    while not Run.objects.filter(archived_at__isnull=False).exists() and time.monotonic() < deadline:
        worker.archives.rests_until.clear()
        worker.run_until_idle(seconds=5)


def thread_of(upstream, messages: int) -> dict:
    """A thread with that many messages, and a run at its end."""
    said = [{"role": "user", "content": f"number {number}"} for number in range(20)]
    thread = upstream.post("/threads", {"messages": said[: min(messages, 20)]})
    for number in range(20, messages):
        upstream.post(f"/threads/{thread['id']}/messages", {"role": "user", "content": f"number {number}"})
    return thread


def test_a_run_is_archived_with_its_thread_and_files(connection, upstream, start, worker):
    run = start("/plot", until="completed")
    ensure_threads(connection, [run["thread_id"]])

    work(worker)

    row, file = Run.objects.get(), ArchivedFile.objects.get()
    assert row.archived_at
    assert row.thread.has_all_messages
    assert (file.status, file.thread_id, file.content_type) == (200, row.thread_id, "image/png")
    assert bytes(file.content).startswith(b"\x89PNG")
    assert file.size == len(file.content)
    meter = meter_of(row.thread)
    assert meter.is_complete
    assert (meter.runs, meter.archived_runs, meter.messages, meter.kept_files) == (1, 1, 2, 1)


def test_found_documents_are_archived_too(connection, upstream, start, worker):
    run = start("/search parcel", until="completed")
    ensure_threads(connection, [run["thread_id"]])
    work(worker)
    assert Run.objects.get().archived_at
    assert set(ArchivedFile.objects.values_list("status", flat=True)) == {200}


def test_messages_are_walked_back_to_the_first(connection, upstream, assistant, worker):
    thread = thread_of(upstream, 130)
    run = upstream.post(f"/threads/{thread['id']}/runs", {"assistant_id": assistant["id"]})
    upstream.wait(run)
    refresh_run(connection, thread_id=thread["id"], run_id=run["id"])
    row = Thread.objects.get()
    assert (row.messages.count(), row.has_all_messages) == (50, False)
    upstream.clear_requests()

    work(worker)

    row.refresh_from_db()
    assert (row.messages.count(), row.has_all_messages) == (131, True)
    assert Run.objects.get().archived_at
    walked = [one for one in upstream.requests(path="/messages") if "after=" in one["query"]]
    assert all("limit=100" in one["query"] for one in walked)
    assert 1 <= len(walked) <= 2  # a second one when the last second of the newest page begins early in it


def said(row: Thread) -> list[str]:
    """What the users said, in order."""
    messages = row.messages.filter(role="user").order_by("position", "id")
    return [message.parts[0]["text"]["text"] for message in messages]


def test_messages_of_one_second_keep_their_order_over_pages(connection, upstream, assistant):
    thread = thread_of(upstream, 150)
    expected = [f"number {number}" for number in range(150)]
    row = refresh_thread(connection, thread_id=thread["id"])
    assert said(row) == expected[-50:]
    archive_thread(row, within_s=5)
    assert said(row) == expected
    run = upstream.post(f"/threads/{thread['id']}/runs", {"assistant_id": assistant["id"]})
    upstream.wait(run)
    refresh_run(connection, thread_id=thread["id"], run_id=run["id"])  # reads the newest messages again
    assert said(row) == expected


def test_what_a_server_shuffles_within_a_second_stays_where_it_is(connection, upstream):
    thread = thread_of(upstream, 12)
    made = upstream.seed(thread_id=thread["id"], steps=12)
    upstream.quirk(ties_shuffled=True)
    ids = {"thread_id": thread["id"], "run_id": made["run_id"]}
    orders = []
    for _ in range(6):
        row = refresh_run(connection, **ids, max_age_s=0)
        Run.objects.update(has_all_steps=False, steps_cursor="")  # so that all its steps are read again
        time.sleep(0.1)
        messages = row.thread.messages.filter(role="user").order_by("position")
        found = [messages, row.steps.exclude(kind="message").order_by("position")]
        orders.append([list(rows.values_list("upstream_id", flat=True)) for rows in found])
    assert [len(one) for one in orders[-1]] == [12, 11]
    assert orders[-1] == orders[-2] == orders[-3] == [sorted(one) for one in orders[-1]]


def test_a_gap_is_walked_again(connection, upstream, worker):
    thread = thread_of(upstream, 3)
    refresh_thread(connection, thread_id=thread["id"])
    assert Thread.objects.get().has_all_messages
    for number in range(60):
        upstream.post(f"/threads/{thread['id']}/messages", {"role": "user", "content": f"later {number}"})

    refresh_thread(connection, thread_id=thread["id"], max_age_s=0)

    row = Thread.objects.get()
    assert (row.messages.count(), row.has_all_messages) == (53, False)
    assert not archive_thread(row, within_s=0).is_complete
    archive_thread(row, within_s=5)
    row.refresh_from_db()
    assert (row.messages.count(), row.has_all_messages) == (63, True)


def test_a_reader_goes_back_one_page_at_a_time(connection, upstream):
    """A page that ends within a second is read again from there on, so one more page may bring what is known."""
    thread = thread_of(upstream, 120)
    row = refresh_thread(connection, thread_id=thread["id"])
    upstream.clear_requests()
    pages = 0
    while not row.has_all_messages and pages < 3:
        before = Message.objects.count()
        assert read_older_messages(row, before=row.messages_cursor) is None
        pages += 1
        row.refresh_from_db()
        assert before <= Message.objects.count() <= before + 50
        assert len(upstream.requests()) == pages
    assert (Message.objects.count(), row.has_all_messages) == (120, True)
    assert pages > 1
    assert read_older_messages(row, before=row.messages_cursor) is None
    assert len(upstream.requests()) == pages


def test_a_file_that_the_upstream_refuses_is_not_asked_for_again(connection, upstream, start, worker):
    run = start("/plot", until="completed")
    ensure_threads(connection, [run["thread_id"]])
    upstream.quirk(no_thread_list=True)
    refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
    upstream.fault("/files/", "reset_before", times=None)  # says nothing about the file
    work(worker, seconds=1)
    file = ArchivedFile.objects.get()
    assert (file.fetched_at, file.attempts) == (None, 0)

    upstream.clear_faults()
    ArchivedFile.objects.update(upstream_id="file-nobody", tried_at=None)
    Connection.objects.update(failures=0, rests_until=None)
    deadline = time.monotonic() + 5
    while ArchivedFile.objects.get(pk=file.pk).fetched_at is None and time.monotonic() < deadline:
        worker.run_until_idle(seconds=1)
    refused = ArchivedFile.objects.get(pk=file.pk)
    assert (refused.status, refused.content, refused.attempts) == (404, None, 1)
    upstream.clear_requests()
    ArchivedFile.objects.update(tried_at=timezone.now() - timedelta(hours=1))
    worker.run_until_idle(seconds=2)
    assert upstream.requests(path="file-nobody") == []


def test_two_workers_fetch_a_file_once(connection, upstream, start):
    Connection.objects.update(budget_per_min=0)
    upstream.quirk(no_thread_list=True)
    run = start("/plot", until="completed")
    row = refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
    want_files(row.thread, file_ids_of_run(row))
    upstream.clear_requests()
    one, other = Worker(), Worker()
    one.round()
    other.round()
    one.run_until_idle(seconds=5)
    other.run_until_idle(seconds=5)
    assert len(upstream.requests(path="/files/")) == 1
    assert ArchivedFile.objects.get().status == 200


def test_where_steps_cannot_be_listed_runs_are_archived_without(connection, upstream, start, worker):
    run = start("hello", until="completed")
    Connection.objects.update(can_list_steps=False, steps_refused_at=timezone.now())
    ensure_threads(connection, [run["thread_id"]])
    work(worker)
    assert Run.objects.get().archived_at


def test_a_gone_thread_is_left_in_peace(connection, upstream, start, worker):
    run = start("hello", until="completed")
    refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
    upstream.delete(f"/threads/{run['thread_id']}")
    Thread.objects.update(has_all_messages=False, messages_cursor="", is_gone=True, due_at=None)
    Run.objects.update(has_all_steps=False)
    upstream.clear_requests()
    worker.run_until_idle(seconds=2)
    assert upstream.requests(path=run["thread_id"]) == []
    assert Run.objects.get().archived_at is None


def test_archiving_leaves_active_runs_alone(connection, upstream, start, worker):
    run = start("/tool get_stock", until="requires_action")
    ensure_threads(connection, [run["thread_id"]])
    worker.run_until_idle(seconds=3)
    assert Run.objects.get().archived_at is None
    assert not meter_of(Thread.objects.get()).is_complete


def test_files_of_a_gone_thread_are_fetched_all_the_same(connection, upstream, start, worker):
    run = start("/plot", until="completed")
    time.sleep(2.1)  # after this its steps are the last word
    refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
    Thread.objects.update(has_all_messages=False, is_gone=True, due_at=None)
    worker.run_until_idle(seconds=3)
    worker.archives.rests_until.clear()
    worker.run_until_idle(seconds=3)
    assert ArchivedFile.objects.get().status == 200
    assert Run.objects.get().archived_at is None


def test_the_walk_uses_its_index(connection):
    if database.vendor != "sqlite":
        pytest.skip("an empty table is scanned on PostgreSQL")
    rows = Run.objects.filter(connection=connection, archived_at__isnull=True, pk__lt=1 << 60)
    assert "run_to_archive" in rows.order_by("-pk").values_list("pk", "status", "has_all_steps")[:200].explain()
