"""The worker: discovery, active runs, the rest of the steps, and rest after failures."""

import time

import pytest

from runsdash.index.models import Connection, Run, Thread
from runsdash.index.upsert import ensure_threads
from runsdash.sync.budget import Budget
from runsdash.sync.worker import Worker

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_finds_threads_runs_and_steps_by_itself(connection, upstream, start):
    run = start("/code 1+1", until="completed")

    assert Worker(unlimited=True).run_until_idle(seconds=30)

    row = Run.objects.get(connection=connection, upstream_id=run["id"])
    assert (row.status, row.has_all_steps, row.step_count) == ("completed", True, 2)
    connection.refresh_from_db()
    assert connection.can_list_threads is True
    assert connection.last_success_at


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

    assert Connection.objects.get().can_list_threads is False
    assert Run.objects.get().upstream_id == run["id"]
    thread = Thread.objects.get()
    assert (thread.run_count, thread.has_all_runs) == (1, True)


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


def test_a_failing_upstream_is_left_alone_for_a_while(connection, upstream):
    upstream.fault("GET /threads", "500", times=None)
    worker = Worker()
    upstream.clear_requests()
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        worker.round()
        time.sleep(0.05)
    worker.land_all()

    assert worker.budget_of(connection).failures >= 1
    assert len(upstream.requests(path="/threads")) <= 12  # three tries of one listing, with their retries


def test_a_budget_is_kept():
    budget = Budget(per_min=600)
    spent, until = 0, time.monotonic() + 1.0
    while time.monotonic() < until:
        spent += budget.take(1)
        time.sleep(0.005)
    assert 6 <= spent <= 9  # 80 % of ten a second
