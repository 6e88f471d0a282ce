"""Sums made while others write: a change that was not committed yet is never lost. On both engines."""

import threading

import pytest
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from runsdash.index.models import Connection, DirtyHour, RunSums
from runsdash.index.snapshots.upsert_runs import upsert_runs
from runsdash.index.totals.hour_spans import DAY_HOURS, hour_of
from runsdash.index.totals.rollups import roll_up
from runsdash.index.totals.zone_days import make_day
from tests.index.totals.test_rollups import NOON, assert_exact, run_at, take
from tests.rows import made_connection

pytestmark = pytest.mark.django_db(transaction=True)
HOURS = range(6)


def changed(prod: Connection, *, hours: int, ready: threading.Event, may_commit: threading.Event) -> None:
    """Ends runs of some hours in a transaction that stays open for a while."""
    runs = [run_at(hour, hours=hour, status="completed") for hour in HOURS[:hours]]
    with transaction.atomic():
        upsert_runs(prod, runs, fetched_at=timezone.now())
        ready.set()
        may_commit.wait(0.5)  # on SQLite who makes sums waits for this transaction, not the other way around
    database.close()


@pytest.mark.parametrize("hours", [1, 6], ids=["a few hours", "many hours"])
@pytest.mark.parametrize("has_marks", [False, True])
def test_a_change_that_commits_later_is_counted(hours: int, has_marks: bool) -> None:
    prod = made_connection()
    for hour in HOURS:
        take(prod, run_at(hour, hours=hour, status="in_progress"))
    if not has_marks:
        roll_up(within_s=30)
    ready, may_commit = threading.Event(), threading.Event()
    events = {"ready": ready, "may_commit": may_commit}
    writer = threading.Thread(target=changed, args=[prod], kwargs={"hours": hours, **events})
    writer.start()
    assert ready.wait(10)
    roll_up(within_s=30)
    may_commit.set()
    writer.join(10)
    assert DirtyHour.objects.exists() or database.vendor == "sqlite"
    roll_up(within_s=30)
    assert not DirtyHour.objects.exists()
    assert_exact()


def test_two_who_make_the_same_sums(db: None) -> None:
    prod = made_connection()
    for hour in HOURS:
        take(prod, run_at(hour, hours=hour, status="completed"))
    failures: list[BaseException] = []

    def make() -> None:
        try:
            roll_up(within_s=30)
        except Exception as error:  # noqa: BLE001 told below
            failures.append(error)
        database.close()

    threads = [threading.Thread(target=make) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert not DirtyHour.objects.exists()
    assert_exact()


def test_days_of_a_zone_wait_for_an_hour_that_is_made() -> None:
    prod = made_connection()
    take(prod, run_at(0, hours=0, status="in_progress"))
    roll_up(within_s=30)
    take(prod, run_at(0, hours=0, status="completed"))
    start = hour_of(NOON) - 5

    def make() -> None:
        make_day(start)
        database.close()

    maker = threading.Thread(target=make)
    with transaction.atomic():
        roll_up(within_s=30)
        maker.start()
        maker.join(0.3)
        assert maker.is_alive()
    maker.join(10)
    day = RunSums.objects.get(hours=DAY_HOURS, hour=start)
    assert (day.status, day.runs) == ("completed", 1)
