"""The worker: discovery, active runs, the rest of the steps, and rest after failures."""

import time
from collections.abc import Iterator
from datetime import timedelta
from threading import Event

import pytest
from django.utils import timezone

from runsdash.index.models import Connection, Run, StatusSeen, Thread
from runsdash.index.snapshots.upsert_threads import ensure_threads
from runsdash.sync import due
from runsdash.sync.due import must_start
from runsdash.sync.worker import Worker
from tests.rows import made_connection, made_run
from tests.upstream import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One of this module's own: a worker here follows every thread the upstream lists, so let them be few."""
    with Sandbox() as server:
        yield server


def test_it_finds_threads_runs_and_steps_by_itself(connection, upstream, start):
    run = start("/code 1+1", until="completed")

    assert Worker(unlimited=True).run_until_idle(seconds=30)

    row = Run.objects.get(connection=connection, upstream_id=run["id"])
    assert (row.status, row.has_all_steps, row.step_count) == ("completed", True, 2)
    connection.refresh_from_db()
    assert connection.can_list_threads is True
    assert connection.last_success_at


def test_where_there_is_room_for_one_each_kind_of_read_has_it_in_turn():
    now = timezone.now()
    connection = made_connection(threads_listed_at=now)
    active = made_run(connection, status="in_progress", age_s=5)
    ended = made_run(connection, age_s=3600)
    Run.objects.update(has_all_steps=False, steps_checked_at=None)
    Thread.objects.update(due_at=None)
    due_one = ensure_threads(connection, ["thread_due"])["thread_due"]
    worker = Worker()
    firsts = [next(worker.other_reads(connection, now=timezone.now())) for _ in range(3)]
    assert {one.args[0] for one in firsts} == {active, ended, due_one}


def test_it_goes_on_finding_threads_after_the_first_listing(connection, upstream, start):
    start("hello", until="completed")
    worker = Worker(unlimited=True)
    assert worker.run_until_idle(seconds=30)
    Connection.objects.update(threads_listed_at=None)  # due again

    later = start("hello again", until="completed")
    assert worker.run_until_idle(seconds=30)

    assert Run.objects.filter(upstream_id=later["id"]).exists()
    assert Connection.objects.get().last_failure is None


def test_where_threads_cannot_be_listed_known_ones_are_followed(connection, upstream, start):
    upstream.quirk(no_thread_list=True)
    run = start("hello", until="completed")
    ensure_threads(connection, [run["thread_id"]])

    assert Worker(unlimited=True).run_until_idle(seconds=30)

    row = Connection.objects.get()
    assert (row.can_list_threads, row.lacks_threads, row.last_failure) == (
        None,
        True,
        None,
    )  # this key is no session key
    assert "session key" in row.threads_refusal["message"]
    assert Run.objects.get().upstream_id == run["id"]
    thread = Thread.objects.get()
    assert (thread.run_count, thread.has_all_runs) == (1, True)


@pytest.mark.clock
def test_a_status_change_of_an_active_run_is_seen(connection, upstream, start):
    upstream.quirk(no_thread_list=True)
    run = start("/slow 1", until="in_progress")
    ensure_threads(connection, [run["thread_id"]])
    worker = Worker(unlimited=True)
    worker.run_until_idle(seconds=30)

    deadline = time.monotonic() + 10
    while Run.objects.get().status != "completed" and time.monotonic() < deadline:
        worker.round()
        time.sleep(0.1)
    worker.run_until_idle(seconds=10)

    row = Run.objects.get()
    assert (row.status, row.has_all_steps) == ("completed", True)
    assert row.thread.messages.filter(role="assistant").exists()


@pytest.mark.clock
def test_an_active_run_it_finds_has_its_steps(connection, upstream, start):
    upstream.quirk(no_thread_list=True)
    run = start("/tool get_stock", until="requires_action")
    ensure_threads(connection, [run["thread_id"]])
    worker, deadline = Worker(unlimited=True), time.monotonic() + 10

    while not (row := Run.objects.first()) or not row.step_count:
        assert time.monotonic() < deadline
        worker.round()
        time.sleep(0.05)

    assert [step.kind for step in row.steps.all()] == ["function"]


def test_a_thread_that_is_gone_is_not_asked_for_ever(connection, upstream):
    upstream.quirk(no_thread_list=True)
    ensure_threads(connection, ["thread_nowhere"])

    Worker(unlimited=True).run_until_idle(seconds=10)

    thread = Thread.objects.get()
    assert (thread.is_gone, thread.due_at) == (True, None)


@pytest.mark.clock
def test_a_failing_upstream_is_left_alone_for_a_while(connection, upstream):
    upstream.quirk(no_thread_list=True)
    ensure_threads(connection, [f"thread_{number}" for number in range(40)])
    upstream.fault("GET /threads", "500", times=None)
    worker = Worker()
    upstream.clear_requests()
    deadline = time.monotonic() + 4
    while time.monotonic() < deadline:
        worker.round()
        time.sleep(0.05)
    worker.store_all(seconds=5)

    connection.refresh_from_db()
    assert connection.failures >= 3
    assert connection.rests_until
    assert len(upstream.requests(path="/threads")) <= 36  # the budget has 32, and each read is tried twice


@pytest.mark.clock
def test_it_goes_on_once_the_upstream_answers_again(connection, upstream, start):
    upstream.quirk(no_thread_list=True)
    run = start("hello", until="completed")
    ensure_threads(connection, [run["thread_id"]])
    Connection.objects.filter(pk=connection.pk).update(failures=5, rests_until=timezone.now() + timedelta(seconds=0.4))
    worker = Worker()

    worker.round()
    assert worker.pending == []
    time.sleep(0.5)
    worker.run_until_idle(seconds=10)

    connection.refresh_from_db()
    assert (connection.failures, connection.rests_until) == (0, None)
    assert Run.objects.get().upstream_id == run["id"]


def test_two_workers_do_not_read_the_same(connection, upstream, start):
    upstream.quirk(no_thread_list=True)
    runs = [start("hello", until="completed") for _ in range(4)]
    ensure_threads(connection, [run["thread_id"] for run in runs])
    one, other = Worker(unlimited=True), Worker(unlimited=True)
    upstream.clear_requests()

    one.round()
    other.round()
    for worker in (one, other):
        worker.run_until_idle(seconds=20)

    asked = [one["path"] for one in upstream.requests(method="GET", path="/runs") if "/runs/" not in one["path"]]
    assert len(asked) == len(set(asked)) == 4


@pytest.mark.clock
def test_what_a_killed_worker_held_is_read_by_another_when_its_lease_has_lapsed(connection, upstream, start):
    upstream.quirk(no_thread_list=True)
    run = start("hello", until="completed")
    ensure_threads(connection, [run["thread_id"]])
    Thread.objects.update(lease_until=timezone.now() + timedelta(seconds=0.5), lease_token="of-the-dead")

    Worker(unlimited=True).run_until_idle(seconds=10)
    assert not Run.objects.exists()
    time.sleep(0.6)
    Worker(unlimited=True).run_until_idle(seconds=10)

    assert Run.objects.get().has_all_steps


@pytest.mark.clock
def test_a_stopped_worker_leaves_what_is_under_way_to_others(connection, upstream, start):
    upstream.quirk(no_thread_list=True)
    run = start("hello", until="completed")
    ensure_threads(connection, [run["thread_id"]])
    upstream.fault("GET /runs", "hang", times=None)
    worker, stop = Worker(unlimited=True), Event()
    worker.round()
    assert worker.pending
    stop.set()

    began = time.monotonic()
    worker.run(stop)

    assert time.monotonic() - began < 5
    assert Thread.objects.get().lease_until is None


@pytest.mark.parametrize(
    ("ages_s", "count"),
    [
        ([], 0),
        ([1.0], 0),
        ([2.5], 1),
        ([2.6, 2.6, 1.0], 2),
        ([1.0] * 15, 0),  # they take a second and a half, and have as long
        ([1.0] * 20, 5),
        ([0.5] * 30, 10),
    ],
)
def test_runs_that_come_due_at_once_are_begun_early_enough(ages_s, count):
    assert must_start(ages_s, every_s=2.5, per_s=10) == count


@pytest.mark.parametrize(
    ("waits_s", "read_s", "is_due"), [(30, 5, True), (90, 5, False), (90, 11, True), (None, 5, True)]
)
def test_a_run_that_waits_for_long_is_read_more_rarely(waits_s, read_s, is_due):
    connection, now = made_connection(), timezone.now()
    run = made_run(connection, age_s=120, status="requires_action" if waits_s else "in_progress")
    Run.objects.update(checked_at=now - timedelta(seconds=read_s))
    StatusSeen.objects.update(seen_at=now - timedelta(seconds=waits_s or 90))
    assert due.active_runs(connection, now=now, every=due.ACTIVE_EVERY, most=9) == ([run] if is_due else [])


@pytest.mark.clock
def test_in_a_crowd_every_thread_is_looked_at_with_one_request_first(connection, upstream):
    upstream.quirk(no_thread_list=True)
    made = [upstream.seed(steps=1)["thread_id"] for _ in range(80)]
    ensure_threads(connection, made)
    worker = Worker()
    upstream.clear_requests()

    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        worker.round()
        time.sleep(0.05)
    worker.store_all(seconds=5)

    asked = [one["path"] for one in upstream.requests(path="/threads/")]
    looks = [path for path in asked if path.endswith("/runs")]
    assert len(looks) >= 5
    assert len(set(looks)) == len(looks)
    assert not [path for path in asked if path.count("/") == 3]  # no thread itself
