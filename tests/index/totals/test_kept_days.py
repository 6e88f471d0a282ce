"""Days and hours that the process keeps: read once, and anew once anything of them has changed, whoever changed it."""

import re
from zoneinfo import ZoneInfo

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from runsdash import row_access
from runsdash.accounts.models import User
from runsdash.index.models import Connection, Run, RunSums
from runsdash.index.totals import kept_days
from runsdash.index.totals.hour_spans import DAY_HOURS, Span, hour_of, hour_of_key
from runsdash.index.totals.overview_totals import Figures
from runsdash.index.totals.rollups import mark_dirty
from runsdash.index.totals.span_reads import Narrowing
from runsdash.index.totals.zone_days import make_zone_days
from tests.rows import made_connection, made_runs, roll_all_up

pytestmark = pytest.mark.django_db
EVERYTHING = Narrowing()
SUMS_READ = re.compile(r"hours = (\d+) AND hour IN \(([^)]*)\)")


@pytest.fixture
def past() -> list[Run]:
    """Runs of two connections in each third hour of twelve days, the newest first, with sums."""
    one, two = made_connection("one"), made_connection("two")
    made = made_runs(one, 48, age_s=0, apart_s=6 * 3600) + made_runs(two, 48, age_s=3 * 3600, apart_s=6 * 3600)
    roll_all_up()
    return sorted(made, key=lambda run: run.pk, reverse=True)


def figures(*, hours: int = 10 * DAY_HOURS, narrowing: Narrowing = EVERYTHING) -> Figures:
    now = hour_of(timezone.now())
    return Figures(Span(now + 1 - hours, now + 1), now_hour=now, narrowing=narrowing)


def read(**wanted: object) -> tuple[int, int]:
    """How many days, and how many hours, are read for all that a page shows of a span."""
    with CaptureQueriesContext(database) as caught:
        asked = figures(**wanted)
        assert asked.total.runs == sum(asked.runs_by("model").values())
        assert sum(asked.bars_by_cause.values()) == asked.total.runs
        assert asked.total_before.runs == asked.groups_before(None)[""].runs
    statements = [query["sql"] for query in caught.captured_queries if " took, " in query["sql"]]
    found = {"24": 0, "1": 0}
    for length, starts in SUMS_READ.findall(" ".join(statements)):
        found[length] += starts.count(",") + 1
    return found["24"], found["1"]


def days_read(**wanted: object) -> int:
    return read(**wanted)[0]


def other_hours() -> int:
    """A range that begins an hour earlier; just after midnight one later, since an earlier one has a day more."""
    return 10 * DAY_HOURS + (1 if timezone.localtime().hour else -1)


def assert_exact(**wanted: object) -> None:
    found = figures(**wanted)
    runs = [run for run in Run.objects.all() if found.span.first <= hour_of_key(run.pk) < found.span.end]
    assert found.total.runs == len(runs)
    assert found.total.cost == pytest.approx(sum(run.cost or 0 for run in runs))
    for column in ("connection_id", "model", "status"):
        counted = {value: sums.runs for value, sums in found.groups(column).items()}
        assert counted == {value: [getattr(run, column) for run in runs].count(value) for value in counted}
        by_bar = {key: sums.runs for key, sums in found.bars_by(column).items()}
        assert sum(by_bar.values()) == len(runs)


def test_another_start_reads_no_day_again(past: list[Run]) -> None:
    assert days_read() >= 9
    assert read() == (0, 0)
    days, hours = read(hours=other_hours())
    assert days == 0
    assert hours <= 4  # where the range and the time before begin and end
    assert days_read(hours=11 * DAY_HOURS) <= 3  # one more, and up to two of the time before
    assert_exact(hours=10 * DAY_HOURS + 1)


def test_a_late_change_is_noticed_and_its_day_alone_read_again(past: list[Run]) -> None:
    days_read()
    changed = past[len(past) // 2]
    Run.objects.filter(pk=changed.pk).update(model="another", cost=7.0)
    mark_dirty(changed.connection_id, [changed.pk])
    assert figures().groups("model")["another"].runs == 1  # by its mark
    roll_all_up()
    assert figures().groups("model")["another"].cost == pytest.approx(7.0)
    assert_exact()
    assert days_read() == 0


def test_a_run_that_goes_and_a_connection_that_goes_are_noticed(past: list[Run]) -> None:
    days_read()
    gone = past[len(past) // 2]
    mark_dirty(gone.connection_id, [gone.pk])
    gone.delete()
    roll_all_up()
    assert_exact()
    one = Connection.objects.get(slug="one")
    Run.objects.filter(connection=one).delete()
    RunSums.objects.filter(connection=one).delete()
    assert_exact()
    assert set(figures().groups("connection_id")) == {Connection.objects.get(slug="two").pk}


def test_days_of_a_zone_are_kept_and_made_anew(past: list[Run]) -> None:
    User.objects.create(username="reader", time_zone="Asia/Tokyo")
    while make_zone_days(within_s=30):
        pass
    with timezone.override(ZoneInfo("Asia/Tokyo")):
        assert days_read() >= 9
        assert days_read(hours=other_hours()) == 0
        assert_exact()
        mark_dirty(past[50].connection_id, [past[50].pk])
        Run.objects.filter(pk=past[50].pk).update(model="another")
        roll_all_up()
        assert_exact()
        while make_zone_days(within_s=30):
            pass
        assert figures().groups("model")["another"].runs == 1
        assert days_read() == 0


def test_what_somebody_does_not_see_or_asks_for_is_kept_apart(past: list[Run]) -> None:
    everything = figures().runs
    two = Connection.objects.get(slug="two")
    narrowing = Narrowing(only={"connection_id": (two.pk,)})
    own = figures(narrowing=narrowing).runs
    assert 0 < own < everything
    with row_access.hiding((two.pk,)):
        assert figures().runs == everything - own
        assert set(figures().groups("connection_id")) == {Connection.objects.get(slug="one").pk}
    assert figures().runs == everything
    assert figures(narrowing=narrowing).runs == own


def test_a_process_keeps_no_more_than_its_bound(past: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    days_read()
    most = sum(len(part.rows) for part in kept_days._kept.values())
    monkeypatch.setattr(kept_days, "MOST_ROWS", most - 1)
    kept_days._kept.clear()
    assert days_read() >= 9
    assert not kept_days._kept
    assert_exact()


def test_long_spans_are_added_up_by_the_database(past: list[Run]) -> None:
    assert_exact(hours=(kept_days.MOST_DAYS + 30) * DAY_HOURS)
    assert all(day.since > hour_of(timezone.now()) - 13 * DAY_HOURS for day in kept_days._kept.values() if day.rows)
