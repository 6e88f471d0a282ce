"""A day of the overview is a day of a filter, in the reader's time zone: days of 23 and 25 hours and of half-hour zones too."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from runsdash.accounts.models import User
from runsdash.dashboard.overview.views import PollState
from runsdash.index.models import Connection, DirtyHour, Run
from runsdash.index.search.run_filter import parsed
from runsdash.index.snapshots.upsert_runs import upsert_runs
from runsdash.index.totals.hour_spans import Span, day_of, hour_of_key, start_hour_of
from runsdash.index.totals.overview_totals import cut
from runsdash.service import objects
from tests.dashboard.overview.test_overview import URL, WORKS, assert_figures_equal_lists, found_by
from tests.pages import Element, page_of, partials_of
from tests.rows import kept_for_the_module, made_connection, made_run, made_runs, roll_all_up, run_object

pytestmark = pytest.mark.django_db
LONG = pytest.mark.long  # one zone of each kind is quick
ZONES = [  # a day on which clocks are set, and how many hours it has
    ("Europe/Berlin", date(2026, 10, 25), 25),
    ("America/Santiago", date(2026, 9, 6), 23),  # without a midnight
    pytest.param("Atlantic/Azores", date(2026, 10, 25), 25, marks=LONG),  # midnight comes twice
    pytest.param("Asia/Beirut", date(2026, 10, 24), 25, marks=LONG),  # set back at midnight
    pytest.param("America/Nuuk", date(2026, 10, 24), 25, marks=LONG),
    pytest.param("Pacific/Kiritimati", date(2026, 10, 25), 24, marks=LONG),
    pytest.param("UTC", date(2026, 10, 25), 24, marks=LONG),
]
HALF_HOURS = [
    ("Asia/Kolkata", "23:30"),
    pytest.param("Pacific/Marquesas", "23:30", marks=LONG),
    pytest.param("Asia/Kathmandu", "23:45", marks=LONG),
]
DAYS = [*(date(2026, 9, day) for day in range(5, 9)), *(date(2026, 10, day) for day in range(22, 28))]
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def past(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Connection]:
    """Two runs an hour around the days of above, one of them of the hour's first second; some hours are marked."""
    with kept_for_the_module(django_db_blocker):
        prod = made_connection(**WORKS)
        midnights = [int(datetime.combine(day, time(), UTC).timestamp()) for day in DAYS]
        moments = [midnight + at * 1800 for midnight in midnights for at in range(48)]
        models = ["gpt-4o", "gpt-4.1", "of-ours"]
        runs = [run_object(created_at=at, thread_id="thread_1", model=models[at % 3]) for at in moments]
        upsert_runs(prod, [objects.Run.from_raw(raw) for raw in runs], fetched_at=timezone.now())
        roll_all_up()
        hours = sorted({hour_of_key(pk) for pk in Run.objects.values_list("pk", flat=True)})
        DirtyHour.objects.bulk_create([DirtyHour(connection=prod, hour=hour) for hour in hours[::25]])
        yield prod


def in_zone(client: Client, name: str) -> Client:
    User.objects.filter(pk=client.session["_auth_user_id"]).update(time_zone=name)
    return client


def periods(page: Element) -> list[tuple[str, str, int]]:
    """What the bars of a chart are called, where they lead and how many runs they have."""
    links = page.one("details", id="table-tokens").one("tbody").all("a", data_figure="period")
    return [(link.text, link["href"], int(link["data-runs"])) for link in links]


def asked(client: Client, zone: str, first: date, last: date, **query: str) -> Element:
    return page_of(in_zone(client, zone).get(URL, {"from": f"{first}", "to": f"{last}"} | query))


@pytest.mark.parametrize(("zone", "day", "hours"), ZONES)
def test_a_day_is_the_day_of_a_filter(viewer: Client, past, zone: str, day: date, hours: int) -> None:
    page = asked(viewer, zone, day - DAY, day + DAY, group="model")
    with timezone.override(zone):
        assert_figures_equal_lists(page)
        own = Counter(timezone.localtime(run.created_at).date() for run in Run.objects.only("created_at"))
        days = [day - DAY, day, day + DAY]
        by_filter = [found_by(f"/runs/?q=created:{one}") for one in days]
    assert own[day] == 2 * hours
    assert [runs for _, _, runs in periods(page)] == by_filter == [own[one] for one in days]
    assert [title for title, _, _ in periods(page)] == [f"{one:%a %-d %b}" for one in days]
    assert not page.all(data_days_begin=True)
    assert zone in page.one("span", id="compared").text


@pytest.mark.parametrize(("zone", "begins"), HALF_HOURS)
def test_where_no_hour_begins_at_midnight_the_page_says_when_days_do(
    viewer: Client, past, zone: str, begins: str
) -> None:
    day = date(2026, 10, 25)
    page = asked(viewer, zone, day - DAY, day + DAY)
    with timezone.override(zone):
        assert_figures_equal_lists(page)
    assert f"Days begin at {begins}" in page.one("span", data_days_begin=True).text
    assert [title for title, _, _ in periods(page)] == [f"{one:%a %-d %b}" for one in (day - DAY, day, day + DAY)]
    assert sum(runs for _, _, runs in periods(page)) == int(page.one("a", data_figure="runs")["data-runs"])
    form = page.one("form", id="range-menu")
    assert [form.one("input", name=name)["value"] for name in ("from", "to")] == [f"{day - DAY}", f"{day + DAY}"]


@pytest.mark.parametrize("zone", ["America/New_York", pytest.param("Asia/Kolkata", marks=LONG)])
def test_weeks_are_made_of_whole_days(viewer: Client, past, zone: str) -> None:
    page = asked(viewer, zone, date(2026, 9, 1), date(2026, 11, 5))
    with timezone.override(zone):
        assert_figures_equal_lists(page)
    assert periods(page)[0][0] == "1 Sep to 7 Sep"
    assert sum(runs for _, _, runs in periods(page)) == Run.objects.count()


def test_the_hour_that_comes_twice_has_two_bars(viewer: Client, past) -> None:
    page = asked(viewer, "Europe/Berlin", date(2026, 10, 24), date(2026, 10, 25))
    titles = [title for title, _, _ in periods(page)]
    assert len(titles) == len(set(titles)) == 49
    assert {"Sun 25 Oct 02:00", "Sun 25 Oct 02:00 CET"} < set(titles)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kolkata"])
def test_seven_days_end_with_the_day_of_the_reader(viewer: Client, past, zone: str) -> None:
    made_run(past)
    page = page_of(in_zone(viewer, zone).get(URL))
    with timezone.override(zone):
        now = timezone.now()
        assert_figures_equal_lists(page)
        days = {timezone.localtime(now + timedelta(hours=one)).date() for one in (0, 1)}
    titles = [row.one("th").text for row in page.one("details", id="table-tokens").one("tbody").all("tr")]
    assert titles[-1] in {f"{day:%a %-d %b}" for day in days}
    assert len(titles) == 7


def test_what_is_kept_of_a_page_is_of_one_zone(viewer: Client, operator: Client, past) -> None:
    made_run(past)
    roll_all_up()
    shown = page_of(in_zone(viewer, "UTC").get(URL, {"range": "24h"}))
    other = page_of(in_zone(operator, "Asia/Kolkata").get(URL, {"range": "24h"}))
    titles = [
        [row.one("th").text for row in page.one(id="table-tokens").one("tbody").all("tr")] for page in (shown, other)
    ]
    assert {title[-2:] for title in titles[0]} == {"00"}
    assert {title[-2:] for title in titles[1]} == {"30"}
    poll = shown.one("div", id="poll")
    tag = PollState.shown(poll["hx-ptag"])
    earlier = str(PollState(tag.present, tag.sums, tag.slot - 1, tag.pill))
    answer = in_zone(viewer, "Asia/Kolkata").get(poll["hx-get"], headers={"HX-Request": "true", "HX-PTag": earlier})
    assert "#sums" in partials_of(answer)


def test_other_zones_ask_three_statements_more(viewer: Client, past) -> None:
    # Sums of the whole range are of days and of hours at its ends; those of bars are of hours alone.
    made_runs(past, 12, age_s=20)
    roll_all_up()
    with CaptureQueriesContext(database) as in_utc:
        in_zone(viewer, "UTC").get(URL, {"range": "30d"})
    with CaptureQueriesContext(database) as elsewhere:
        in_zone(viewer, "America/New_York").get(URL, {"range": "30d"})
    assert len(elsewhere) <= len(in_utc) + 3


def test_a_day_that_a_zone_left_out_is_empty() -> None:
    with timezone.override("Pacific/Apia"):  # went from the 29th to the 31st
        left_out, following = (parsed(f"created:2011-12-{day}").clauses[0].key_range for day in (30, 31))
        assert left_out.high <= left_out.low == following.low
        span = Span(start_hour_of(date(2011, 12, 29)), start_hour_of(date(2012, 1, 1)))
        assert [bar.hours for bar in cut(span, 24)] == [24, 24]


def test_a_zone_may_be_half_an_hour_beside_utc_for_a_part_of_the_year() -> None:
    with timezone.override("Australia/Lord_Howe"):
        span = Span(start_hour_of(date(2026, 10, 3)), start_hour_of(date(2026, 10, 7)))
        bars = cut(span, 24)
        assert [bar.hours for bar in bars] == [24, 24, 24, 24]
        assert [day_of(hour).day for bar in bars for hour in range(bar.first, bar.end)] == sorted([3, 4, 5, 6] * 24)
        assert [f"{timezone.localtime(bar.start_at):%H:%M}" for bar in bars] == ["23:30", "23:30", "00:00", "00:00"]
