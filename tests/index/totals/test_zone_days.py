"""Sums of days in the zones of readers: made by the worker, exact, forgotten when an hour of theirs is made anew."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from runsdash.accounts.models import User
from runsdash.index.models import Connection, DirtyHour, Run, RunSums
from runsdash.index.totals import zone_days
from runsdash.index.totals.hour_spans import DAY_HOURS, Span, day_starts, hour_of, hour_of_key
from runsdash.index.totals.overview_totals import Figures
from runsdash.index.totals.rollups import roll_up
from runsdash.index.totals.span_reads import reads_of
from runsdash.index.totals.zone_days import make_zone_days
from tests.rows import kept_for_the_module, made_connection, made_run, made_runs, roll_all_up

pytestmark = pytest.mark.django_db
ZONES = ("Europe/Berlin", "Asia/Kolkata", "Asia/Tokyo", "America/New_York")


@pytest.fixture(scope="module")
def past(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[list[Run]]:
    """Runs of two connections in each third hour of twelve days, the newest first, with sums."""
    with kept_for_the_module(django_db_blocker):
        one, two = made_connection("one"), made_connection("two")
        made = made_runs(one, 48, age_s=0, apart_s=6 * 3600) + made_runs(two, 48, age_s=3 * 3600, apart_s=6 * 3600)
        roll_all_up()
        yield sorted(made, key=lambda run: -run.pk)


def reader(zone: str) -> User:
    return User.objects.create(username=zone, time_zone=zone)


def zone_rows() -> set[int]:
    return {hour for hour in RunSums.objects.filter(hours=DAY_HOURS).values_list("hour", flat=True) if hour % DAY_HOURS}


def made_all() -> None:
    while make_zone_days(within_s=30):
        pass


@pytest.mark.parametrize("zone", ZONES)
def test_a_month_of_a_reader_is_read_by_days_and_equals_the_runs(past: list[Run], zone: str) -> None:
    reader(zone)
    made_all()
    now = hour_of(timezone.now())
    with timezone.override(ZoneInfo(zone)):
        first = day_starts(Span(now - 10 * DAY_HOURS, now))[0]
        figures = Figures(Span(first, now + 1), now_hour=now)
        (read,) = reads_of([figures.span])
        assert len(read.days) == 10
        days, hours = read.within(figures.bars)
        assert (days, len(hours)) == (read.days, len(read.hours))
        assert len(hours) <= DAY_HOURS
        keys = sorted(run.pk for run in past if hour_of_key(run.pk) >= first)
        assert figures.runs == len(keys)
        by_bar = {bar: sums.runs for (bar, _), sums in figures.bars_by("model").items()}
        ends = {bar.first: sum(bar.first <= hour_of_key(key) < bar.end for key in keys) for bar in figures.bars}
        assert by_bar == {bar: runs for bar, runs in ends.items() if runs}


def test_days_are_made_for_zones_of_active_users_once_and_not_for_today(past: list[Run]) -> None:
    reader("Europe/Berlin")
    User.objects.create(username="gone", time_zone="Asia/Tokyo", is_active=False)
    User.objects.create(username="old", time_zone="Mars/Olympus")
    made_all()
    with timezone.override(ZoneInfo("Europe/Berlin")):
        now = hour_of(timezone.now())
        starts = day_starts(Span(now - 12 * DAY_HOURS, now + 1))
    assert zone_rows() == set(starts[:-1]) & {one for one in starts if one % DAY_HOURS}
    assert make_zone_days(within_s=30) == 0


def test_an_hour_made_anew_takes_its_days_along_of_all_connections(past: list[Run]) -> None:
    reader("Europe/Berlin")
    reader("Asia/Tokyo")
    made_all()
    before = zone_rows()
    changed = past[len(past) // 2]
    hour = hour_of_key(changed.pk)
    DirtyHour.objects.create(connection=changed.connection, hour=hour)
    roll_up(within_s=30)
    assert before - zone_rows() == {start for start in before if start <= hour < start + DAY_HOURS} != set()
    made_all()
    assert zone_rows() == before


def test_a_day_with_a_changed_hour_is_read_by_the_hour(past: list[Run]) -> None:
    reader("Europe/Berlin")
    made_all()
    now = hour_of(timezone.now())
    changed = past[len(past) // 2]
    Run.objects.filter(pk=changed.pk).update(model="another")
    DirtyHour.objects.create(connection=changed.connection, hour=hour_of_key(changed.pk))
    with timezone.override(ZoneInfo("Europe/Berlin")):
        figures = Figures(Span(now - 11 * DAY_HOURS, now + 1), now_hour=now)
        assert figures.groups("model")["another"].runs == 1
        (read,) = reads_of([figures.span])
        assert all(not day <= hour_of_key(changed.pk) < day + DAY_HOURS for day in read.days)


def test_making_stops_in_time_and_begins_with_the_newest(past: list[Run]) -> None:
    reader("Europe/Berlin")
    assert make_zone_days(within_s=0) == 0
    days = zone_days.unmade(zone_days.starts_of_readers(hour_of(timezone.now())))
    assert days == sorted(days, reverse=True) != []


def test_days_on_which_clocks_are_set_are_none_of_24_hours() -> None:
    with timezone.override(ZoneInfo("Europe/Berlin")):
        march = hour_of(datetime(2026, 3, 27, 12, tzinfo=UTC))
        starts = day_starts(Span(march, march + 4 * DAY_HOURS))
        lengths = [end - start for start, end in pairwise(starts)]
        assert 23 in lengths
        assert len(zone_days.zone_starts(starts)) == lengths.count(DAY_HOURS)


def test_a_reader_in_utc_asks_for_no_other_days(past: list[Run], django_assert_num_queries) -> None:
    now = hour_of(timezone.now())
    with django_assert_num_queries(1):
        reads_of([Span(now - 10 * DAY_HOURS, now)])
    with timezone.override(ZoneInfo("Europe/Berlin")), django_assert_num_queries(2):
        reads_of([Span(now - 10 * DAY_HOURS, now)])


def test_a_connection_that_goes_leaves_the_days_of_the_others(past: list[Run]) -> None:
    reader("Europe/Berlin")
    made_all()
    one = Connection.objects.get(slug="one")
    RunSums.objects.filter(connection=one).delete()
    now = hour_of(timezone.now())
    with timezone.override(ZoneInfo("Europe/Berlin")):
        span = Span(now - 11 * DAY_HOURS, now + 1)
        left = [run for run in past if run.connection_id != one.pk and hour_of_key(run.pk) >= span.first]
        assert Figures(span, now_hour=now).runs == len(left)


def test_days_of_long_ago_are_not_made(past: list[Run]) -> None:
    reader("Asia/Tokyo")
    old = made_run(Connection.objects.get(slug="one"), age_s=int(timedelta(days=80).total_seconds()))
    roll_all_up()
    made_all()
    assert all(not start <= hour_of_key(old.pk) < start + DAY_HOURS for start in zone_rows())
