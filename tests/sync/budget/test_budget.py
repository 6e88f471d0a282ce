"""The budget: windows that all processes share, the pages' reserve, what is owed, and waits that everybody honours."""

import subprocess
import sys
import time

import pytest
from django.utils import timezone

from runsdash.index.models import BudgetSecond, Connection, Run
from runsdash.service import RateLimited
from runsdash.sync.budget import shared_budget
from runsdash.sync.budget.process_budget import Budget, Reader, budget_for
from runsdash.sync.budget.shared_budget import Purpose
from runsdash.sync.clients import client_for
from runsdash.sync.refresh import refresh_run
from tests.rows import made_connection
from tests.sync.budget.spending import beside

pytestmark = pytest.mark.django_db(transaction=True)
NOW_S = 1_800_000_000.0  # no window that begins here has a floor
WINDOW = shared_budget.BudgetWindow(second=int(NOW_S), size_s=1, count=10, has_floor=False)


def claimed(connection: Connection, purpose: Purpose, want: int, *, at: shared_budget.BudgetWindow = WINDOW) -> int:
    return shared_budget.claim(connection.pk, at, purpose=purpose, want=want)


def later(seconds: int, **more: object) -> shared_budget.BudgetWindow:
    return shared_budget.BudgetWindow(
        **{"second": int(NOW_S) + seconds, "size_s": 1, "count": 10, "has_floor": False} | more
    )


@pytest.mark.parametrize("per_min", [1, 7, 60, 299, 600, 1000])
def test_windows_of_a_minute_add_up_to_its_budget(per_min):
    found = {}
    for second in range(1_800_000_000, 1_800_000_000 + 6000):
        window = shared_budget.window_at(second, per_min=per_min)
        found[window.second] = window
    whole = [one for one in found.values() if 1_800_000_000 <= one.second < 1_800_006_000 - one.size_s]
    span_s = sum(one.size_s for one in whole)

    assert sum(one.count for one in whole) == pytest.approx(span_s * per_min / 60, abs=1)
    assert min(one.count for one in whole) >= shared_budget.LEAST_REQUESTS
    assert sum(one.has_floor for one in whole) == pytest.approx(span_s * per_min / 60 / 40, abs=1)


def test_the_rest_leaves_a_fifth_and_active_runs_may_borrow_it():
    connection = made_connection()

    assert claimed(connection, Purpose.OTHER, 100) == 8
    assert claimed(connection, Purpose.OTHER, 1) == 0
    assert claimed(connection, Purpose.ACTIVE, 100) == 2
    assert BudgetSecond.objects.get().worker == 10


def test_active_runs_do_not_borrow_what_pages_have_used_lately():
    connection = made_connection()
    for second in range(20):
        assert claimed(connection, Purpose.PAGES, 2, at=later(second)) == 2

    assert claimed(connection, Purpose.ACTIVE, 100, at=later(25)) == 8


def test_pages_have_their_share_however_busy_the_worker_is():
    connection = made_connection()
    for second in range(30):
        claimed(connection, Purpose.ACTIVE, 10, at=later(second))

    assert claimed(connection, Purpose.PAGES, 5, at=later(29)) == 5
    assert claimed(connection, Purpose.PAGES, 100, at=later(29)) == 55  # thirty seconds of two, unused until now
    assert claimed(connection, Purpose.PAGES, 1, at=later(29)) == 0


def test_the_worker_pays_back_what_others_overdrew():
    connection = made_connection()
    for second in range(30):
        claimed(connection, Purpose.ACTIVE, 10, at=later(second))
    shared_budget.book(connection.pk, later(29), writes=50)

    assert claimed(connection, Purpose.ACTIVE, 10, at=later(30)) == 5


def test_the_floor_is_for_one_request_of_one_process():
    connection = made_connection()
    with_floor = later(3, has_floor=True)

    assert claimed(connection, Purpose.FLOOR, 1) == 0
    assert claimed(connection, Purpose.FLOOR, 1, at=with_floor) == 1
    assert claimed(connection, Purpose.FLOOR, 1, at=with_floor) == 0


def test_credit_is_claimed_by_the_window_not_by_request(django_assert_max_num_queries):
    connection = made_connection(budget_per_min=60_000)
    budget = Budget(connection.pk, Reader.WORKER)
    turn_of_the_second()
    spend_for(budget, connection, seconds=1.0, at_most=40)
    turn_of_the_second()

    with django_assert_max_num_queries(4):
        taken = spend_for(budget, connection, seconds=0.3, at_most=40)

    assert taken == 40


def test_reads_of_active_runs_are_spread_over_the_second():
    connection = made_connection()
    budget = Budget(connection.pk, Reader.WORKER)
    turn_of_the_second()

    early = spend_for(budget, connection, seconds=0.1, at_most=10, purpose=Purpose.ACTIVE)
    late = spend_for(budget, connection, seconds=0.8, at_most=10, purpose=Purpose.ACTIVE)

    assert 1 <= early <= 5
    assert early + late == 10


def test_a_second_that_begins_during_a_round_is_left_to_active_runs():
    connection = made_connection()
    budget = Budget(connection.pk, Reader.WORKER)
    turn_of_the_second()

    with budget.one_round():
        assert budget.take(connection, 10, purpose=Purpose.ACTIVE)
        turn_of_the_second()
        assert not budget.take(connection, 1, purpose=Purpose.OTHER)

    assert budget.take(connection, 1, purpose=Purpose.OTHER)


@pytest.mark.long
def test_processes_share_one_budget(connection):
    processes = [spending_process(connection) for _ in range(3)]
    counts = [int(process.communicate(timeout=60)[0]) for process in processes]

    per_second = list(BudgetSecond.objects.values_list("worker", flat=True))
    assert sum(counts) == pytest.approx(sum(per_second), abs=3 * 4)
    assert max(per_second) == 8
    assert min(counts) < sum(counts)


def test_what_passes_the_gate_unasked_is_booked(connection, upstream):
    client = client_for(connection)
    client.create_thread()
    client.list_assistants(limit=1)

    budget_for(connection).book_owed(connection)

    used = shared_budget.used_since(connection.pk, time.time() - 60)
    assert used == {"pages": 1, "worker": 0, "writes": 1}


@pytest.mark.clock
def test_a_page_reads_nothing_beyond_the_budget_and_shows_its_copy(connection, upstream, start):
    run = start("/slow 30", until="in_progress")
    first = refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
    for ahead in range(3):
        window = shared_budget.window_at(time.time() + ahead, per_min=connection.budget_per_min)
        shared_budget.book(connection.pk, window, pages=60)
    upstream.clear_requests()

    began = time.monotonic()
    row = refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"], max_age_s=0)

    assert time.monotonic() - began < 0.5
    assert upstream.requests() == []
    assert (row.fetched_at, row.lease_until) == (first.fetched_at, None)


def test_an_unknown_run_is_fetched_even_beyond_the_budget(connection, upstream, start):
    run = start("hello", until="completed")
    window = shared_budget.window_at(time.time(), per_min=connection.budget_per_min)
    shared_budget.book(connection.pk, window, pages=100)

    assert refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"]).status == "completed"


def test_a_write_is_never_held_back(connection, upstream):
    window = shared_budget.window_at(time.time(), per_min=connection.budget_per_min)
    shared_budget.book(connection.pk, window, pages=500)

    assert client_for(connection).create_thread().id


def test_one_process_hears_retry_after_and_all_keep_still(connection, upstream, start):
    run = start("/slow 30", until="in_progress")
    ids = {"thread_id": run["thread_id"], "run_id": run["id"]}
    refresh_run(connection, **ids)
    upstream.fault("GET /runs/", "429", times=None, retry_after_s=30)
    refresh_run(connection, **ids, max_age_s=0)
    paused_until = eventually(lambda: Connection.objects.get().paused_until)
    assert 20 < (paused_until - timezone.now()).total_seconds() <= 30
    assert Run.objects.get().trouble["status"] == 429
    upstream.clear_faults()
    upstream.clear_requests()

    said = fresh_process(connection, "print_refused(connection)").communicate(timeout=60)[0]

    assert said.split() == ["RateLimited", "False", "wrote"]
    assert [one["method"] for one in upstream.requests()] == ["POST"]


def test_a_wait_that_others_heard_of_is_obeyed_here(connection, upstream):
    client_for(connection).list_assistants(limit=1)
    Connection.objects.update(paused_until=timezone.now() + timezone.timedelta(seconds=20))
    heard = Connection.objects.get()

    with pytest.raises(RateLimited) as refused:
        client_for(heard).list_assistants(limit=1)
    assert 10 < refused.value.retry_after_s <= 20


def test_old_seconds_are_swept():
    connection = made_connection()
    BudgetSecond.objects.create(connection=connection, second=int(time.time()) - shared_budget.KEPT_S - 60, worker=5)
    BudgetSecond.objects.create(connection=connection, second=int(time.time()), worker=5)

    shared_budget.sweep(now_s=time.time())

    assert BudgetSecond.objects.count() == 1


# Shorthand


def eventually(look, *, seconds: float = 5):
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def turn_of_the_second() -> None:
    time.sleep(1.0 - time.time() % 1.0)


def spend_for(
    budget: Budget, connection: Connection, *, seconds: float, at_most: int, purpose: Purpose = Purpose.OTHER
) -> int:
    taken, until = 0, time.monotonic() + seconds
    while time.monotonic() < until and taken < at_most:
        taken += budget.take(connection, 1, purpose=purpose)
        time.sleep(0.001)
    return taken


SPEND = "from tests.sync.budget.spending import *; connection = only_connection(); "


def fresh_process(connection: Connection, code: str) -> subprocess.Popen:
    """Python beside us on the same test database."""
    return subprocess.Popen([sys.executable, "-c", SPEND + code], env=beside(), stdout=subprocess.PIPE, text=True)


def spending_process(connection: Connection) -> subprocess.Popen:
    return fresh_process(connection, "print(spend_all(connection, seconds=3))")


@pytest.mark.parametrize("per_min", [1, 7, 60, 600])
def test_all_windows_that_count_are_kept(per_min):
    connection, now_s = made_connection(budget_per_min=per_min), int(NOW_S)
    window = shared_budget.window_at(now_s, per_min=per_min)
    for place in range(1, shared_budget.LOOK_BACK + 1):
        BudgetSecond.objects.create(connection=connection, second=window.second - place * window.size_s, pages=1)
    shared_budget.sweep(now_s=now_s)
    assert shared_budget.spent_by_all(connection.pk, window).pages_before == shared_budget.LOOK_BACK
