"""The overview: figures that equal the lists they lead to, changes, what narrows it, ranges, charts, the poll."""

import csv
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection as database
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from runsdash.dashboard.overview.views import PollState
from runsdash.dashboard.runs.query import run_list_address
from runsdash.index.keeping.purge import purge_some
from runsdash.index.models import Connection, DirtyHour, Run
from runsdash.index.search import ids_of
from runsdash.index.totals.hour_spans import hour_of
from tests.pages import Element, page_of, partials_of, run_ids
from tests.rows import made_connection, made_run, made_runs, roll_all_up

pytestmark = pytest.mark.django_db
URL = "/"
WORKS = {"worker_seen_at": timezone.now() + timedelta(days=1)}  # however long a crowded machine takes
DAY_S = 86400


@pytest.fixture
def prod(db: None) -> Connection:
    return made_connection(**WORKS)


def figure(page: Element, name: str) -> Element:
    return page.one("a", data_figure=name)


def value(page: Element, name: str) -> str:
    return figure(page, name).one("strong").text


def change(page: Element, name: str) -> Element:
    return figure(page, name).one("small", class_="delta")


def listed(client: Client, url: str) -> list[str]:
    """The runs of a list, all its pages."""
    found: list[str] = []
    while url:
        page = page_of(client.get(url))
        found += run_ids(page)
        following = page.all("a", rel="next")
        url = f"/runs/{following[0]['href'].removeprefix('/runs/')}" if following else ""
    return found


def found_by(url: str) -> int:
    """How many runs the filter of a list's address finds."""
    return len(ids_found_by(url))


def ids_found_by(url: str) -> list[int]:
    path, query = urlsplit(url)[2:4]
    asked = run_list_address(QueryDict(query))
    assert (path, asked.error) == ("/runs/", None)
    connection = Connection.objects.get(slug=asked.connection_slug) if asked.connection_slug else None
    return ids_of(asked.filter, connection=connection, count=5000)[0]


def assert_figures_equal_lists(page: Element) -> None:
    for one in page.all(data_runs=True):
        if one["data-runs"]:
            assert found_by(one["href"]) == int(one["data-runs"]), (one["data-figure"], one["href"])


def test_without_a_connection_it_explains(admin: Client, viewer: Client) -> None:
    page = page_of(admin.get(URL))
    assert "RUNSDASH_API_BASE_URL" in page.one("div", id="no-connection").text
    links = [one["href"] for one in page.one("div", id="no-connection").all("a")]
    assert links == ["/connections/new/", "/threads/#add-threads"]
    assert not page_of(viewer.get(URL)).one("div", id="no-connection").all("a")


def test_without_runs_it_leads_to_threads(viewer: Client, prod) -> None:
    page = page_of(viewer.get(URL))
    assert page.one("section", id="no-runs").one("a")["href"] == "/threads/"
    made_run(prod, age_s=40 * DAY_S)
    assert not page_of(viewer.get(URL)).all("section", id="no-runs")


# Figures


def test_series_are_the_largest_of_what_a_chart_shows_and_the_rest_is_other(viewer: Client, prod) -> None:
    for number in range(11):
        usage = {"prompt_tokens": 1000 * number + 1000, "completion_tokens": 0, "total_tokens": 1000 * number + 1000}
        made_run(prod, assistant_id=f"asst_{number}", model="o1" if number < 2 else "gpt-4o-mini", usage=usage)
    page = page_of(viewer.get(URL))
    names = {
        chart: [one.text for one in page.one("section", id=f"chart-{chart}").one("ul", class_="legend").all("li")]
        for chart in ("cost", "tokens")
    }
    assert names["tokens"] == [*(f"asst_{number}" for number in range(10, 2, -1)), "other"]
    assert names["cost"][:2] == ["asst_1", "asst_0"]
    assert len(names["cost"]) == 9
    other = page.one("section", id="chart-tokens").one("svg", role="group").all("a")[-1]
    assert ", other: 6,000, " in other["aria-label"]
    assert found_by(other["href"]) == 3


def test_changes_on_the_time_before(viewer: Client, prod) -> None:
    made_runs(prod, 3, status="expired")
    made_runs(prod, 2, status="expired", age_s=1.5 * DAY_S)
    page = page_of(viewer.get(URL, {"range": "24h"}))
    assert (change(page, "expired").text, change(page, "expired")["data-tone"]) == ("+1, was 2", "bad")
    assert change(page, "runs").text == "+1 (up 50 %)"
    assert change(page, "took").text == "too few runs"
    assert "against" in page.one("span", id="compared").text


def test_nothing_is_worse_than_a_time_without_runs(viewer: Client, prod) -> None:
    made_runs(prod, 3, status="expired")
    page = page_of(viewer.get(URL, {"range": "24h"}))
    assert {one.text for one in page.one(id="figures").all("small")} == {"no runs before"}
    assert not page.one(id="figures").all("small", data_tone="bad")


OF_SUMS = ("chart-failures", "worse", "groups", "chart-cost", "chart-took", "chart-tokens", "causes", "dearest-threads")


def marked_hours(prod: Connection, first: int, count: int) -> None:
    """More hours to count than a page has time for."""
    DirtyHour.objects.bulk_create([DirtyHour(connection=prod, hour=first + at) for at in range(count)])


def test_a_page_that_waits_for_sums_gets_them_by_its_poll_or_without_script(viewer: Client, prod) -> None:
    made_runs(prod, 60, age_s=0, apart_s=3600)
    page = page_of(viewer.get(URL))
    poll, refresh = page.one("div", id="poll"), page.one("noscript").one("meta")["content"]
    assert "counting=1" in poll["hx-get"]
    assert "counting=1" in refresh
    partials = {}
    for _ in range(40):
        partials = partials_of(live(viewer, poll))
        poll = partials["#poll"].one("div")
        if "counting" not in poll["hx-get"]:
            break
    assert figure(partials["#figures"], "runs")["data-runs"] == "60"
    marked_hours(prod, hour_of(timezone.now()) - 59, 60)
    for _ in range(40):
        page = page_of(viewer.get(refresh.partition("url=")[2]))
        if not page.all("noscript"):
            break
    assert figure(page, "runs")["data-runs"] == "60"


def test_no_change_is_shown_on_a_time_that_is_still_counted(viewer: Client, prod) -> None:
    made_runs(prod, 3, status="failed")
    made_run(prod, status="failed", age_s=45 * DAY_S)
    roll_all_up()
    assert "as before" not in change(page_of(viewer.get(URL, {"range": "30d"})), "runs").text
    marked_hours(prod, hour_of(timezone.now()) - 59 * 24, 29 * 24)
    page = page_of(viewer.get(URL, {"range": "30d"}))
    assert value(page, "runs") == "3"
    assert {one.text for one in page.one(id="figures").all("small")} == {"change not yet counted"}
    assert not page.one("section", id="groups").all("small", class_="delta")
    assert page.one("section", id="worse").all("div", data_counting=True)


def test_got_worse_says_what_and_leads_to_both_lists(viewer: Client, prod) -> None:
    for name, now, before in (("asst_worse", 12, 1), ("asst_same", 5, 5)):
        for age_s, bad in ((60, now), (1.5 * DAY_S, before)):
            made_runs(prod, bad, age_s=age_s, status="failed", assistant_id=name)
            made_runs(prod, 25 - bad, age_s=age_s + 600, assistant_id=name, model="of-all")
    page = page_of(viewer.get(URL, {"range": "24h"}))
    (row,) = page.one("section", id="worse").all("li")
    assert "asst_worse ends badly more often" in row.text
    assert "48.0 % was 4.0 %" in row.text
    assert "12 with server_error" in row.text
    links = {one["data-figure"]: one for one in row.all("a")}
    assert (links["worse"].text, links["worse-before"].text) == ("12 of 25 runs", "1 of 25")
    assert_figures_equal_lists(page)


def test_a_day_under_a_cent_is_not_free(viewer: Client, prod) -> None:
    made_run(prod, usage={"prompt_tokens": 20, "completion_tokens": 2, "total_tokens": 22})
    page = page_of(viewer.get(URL))
    assert value(page, "cost") == "<$0.01"
    assert "<$0.01" in [one.text for one in page.one("section", id="chart-cost").all("text")]


def test_unknown_prices_are_told_and_never_zero(viewer: Client, prod) -> None:
    made_runs(prod, 2, model="of-ours")
    page = page_of(viewer.get(URL))
    costs = page.one("section", id="chart-cost")
    assert costs.one("footer").text == "Not counted: 2 runs, no price known for their model or not all tokens reported."
    assert "No price is known" in costs.one("div", class_="empty").text
    assert "No price is known" in page.one("section", id="dearest-threads").text
    assert value(page, "cost") == "—"
    assert "$" not in page.one("section", id="groups").one("tbody").text
    made_run(prod)
    page = page_of(viewer.get(URL))
    assert "$0.04 at list prices" in page.one("section", id="chart-cost").text
    assert "2 runs, no price known" in page.one("section", id="chart-cost").one("footer").text


@pytest.mark.parametrize(
    ("usages", "said"),
    [
        ([{"total_tokens": 990}], "only totals of tokens"),
        ([{"total_tokens": 990}, {"prompt_tokens": 900, "total_tokens": 990}], "not all of their tokens were reported"),
    ],
)
def test_tokens_that_are_not_told_apart_are_not_blamed_on_prices(viewer: Client, prod, usages: list, said: str) -> None:
    for usage in usages:
        made_run(prod, model="gpt-4o", usage=usage)
    page = page_of(viewer.get(URL))
    for section in ("chart-cost", "dearest-threads"):
        assert said in page.one("section", id=section).one("div", class_="empty").text
    assert not [one["title"] for one in page.all(title=True) if "no price" in one["title"]]


def csv_of(client: Client, query: str) -> list[list[str]]:
    answer = client.get(f"/{query}")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    return list(csv.reader(answer.content.decode().splitlines()))


def test_cells_of_a_file_are_no_formulas(viewer: Client, prod) -> None:
    made_run(prod, model="=cmd|' /C calc'!A0")
    assert csv_of(viewer, "?group=model&format=csv")[1][0].startswith("'=")


def week_start() -> datetime:
    return timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=6)


def test_percentiles_of_what_runs_took(viewer: Client, prod) -> None:
    made_runs(prod, 3)
    made_run(prod, completed_at=int(timezone.now().timestamp()) + 1000)
    page = page_of(viewer.get(URL))
    assert value(page, "took").startswith("47 s, 17 m")
    dots = page.one("section", id="chart-took").one("svg", role="group").all("circle")
    assert len(dots) == 2
    assert "In the queue: 1 s, p95 1 s" in page.one("section", id="chart-took").text


# Ranges


@pytest.mark.parametrize(
    "query",
    [
        {"range": "1y"},
        {"from": "soon"},
        {"from": "2026-11-02", "to": "2026-11-01"},
        {"to": "2026-11-01"},
        {"from": "2026-02-31"},
        {"from": "1969-01-01"},
        {"from": "9999-12-31"},
        {"from": "2020-01-01", "to": "2022-01-01"},
    ],
)
def test_a_range_that_cannot_be_read_falls_back_and_says_so(viewer: Client, prod, query: dict) -> None:
    page = page_of(viewer.get(URL, query))
    assert page.one("form", id="range-menu").one("a", aria_current="true")["href"] == "?"
    assert page.one("div", class_="banner").text


def test_a_range_of_two_days_holds_both(viewer: Client, prod) -> None:
    noon = datetime.now(UTC).replace(hour=12, minute=0) - timedelta(days=5)
    for hours in (-13, -11, 0, 35, 37):
        made_run(prod, created_at=int((noon + timedelta(hours=hours)).timestamp()))
    following = noon + timedelta(days=1)
    page = page_of(viewer.get(URL, {"from": f"{noon:%Y-%m-%d}", "to": f"{following:%Y-%m-%d}"}))
    assert figure(page, "took")["data-runs"] == "3"
    assert not page.one("form", id="range-menu").all("a", aria_current="true")
    assert page.one("button", popovertarget="range-menu").text == f"Time: {noon:%Y-%m-%d} to {following:%Y-%m-%d}"
    assert f"{noon:%Y-%m-%d} 00:00 to {following + timedelta(days=1):%Y-%m-%d} 00:00 UTC" in page.text
    assert not page.all("div", class_="banner")


def test_the_poll_of_a_custom_range_asks_for_the_same_span(viewer: Client, prod) -> None:
    made_run(prod)
    page = page_of(viewer.get(URL, {"from": "2026-11-01", "to": "2026-11-02"}))
    asked = parse_qs(urlsplit(page.one("div", id="poll")["hx-get"]).query)
    assert asked == {"from": ["2026-11-01T00:00Z"], "to": ["2026-11-03T00:00Z"]}


@pytest.mark.parametrize(("days", "step", "bars"), [(2, "hour", 48), (30, "day", 30), (100, "week", 15)])
def test_bars_grow_with_the_range(viewer: Client, prod, days: int, step: str, bars: int) -> None:
    made_run(prod)
    today = datetime.now(UTC).date()
    page = page_of(viewer.get(URL, {"from": f"{today - timedelta(days=days - 1)}", "to": f"{today}"}))
    table = page.one("details", id="table-tokens")
    assert table.one("thead").all("th")[0].text == step.title()
    assert len(table.one("tbody").all("tr")) == bars


@pytest.mark.parametrize(
    ("name", "first", "days"), [("today", 0, 1), ("yesterday", -1, 1), ("week", None, 7), ("lastweek", None, 7)]
)
def test_days_and_weeks_are_those_of_the_calendar(
    viewer: Client, prod, name: str, first: int | None, days: int
) -> None:
    today = datetime.now(UTC).date()
    monday = today - timedelta(days=today.weekday() + (7 if name == "lastweek" else 0))
    start = monday if first is None else today + timedelta(days=first)
    page = page_of(viewer.get(URL, {"range": name}))
    assert page.one(id="compared").text.startswith(f"{start} 00:00 to {start + timedelta(days=days)} 00:00 UTC")


# Right now


def now_line(page: Element) -> dict[str, str]:
    return {one["data-count"]: one.text for one in page.one(id="now").all("a")}


def test_now_says_what_is_active_what_needs_an_answer_and_what_is_overdue(viewer: Client, prod) -> None:
    made_runs(prod, 2, status="in_progress", age_s=20)
    made_run(prod, status="requires_action", age_s=10)
    soon = made_run(prod, status="requires_action", age_s=500)
    made_run(prod, status="requires_action", age_s=700)  # expired
    made_run(made_connection("other", **WORKS), status="queued", age_s=20)
    page = page_of(viewer.get(URL))
    assert now_line(page) == {
        "in_progress": "2 in progress", "queued": "1 queued", "waiting": "2 need an answer", "overdue": "1 overdue",
    }  # fmt: skip
    assert page.one(id="now").one("time")["datetime"] == f"{soon.expires_at:%Y-%m-%dT%H:%M:%SZ}"
    links = {one["data-count"]: one["href"] for one in page.one(id="now").all("a")}
    assert (found_by(links["in_progress"]), found_by(links["overdue"])) == (2, 1)
    assert links["waiting"] == "/needs-action/"
    assert now_line(page_of(viewer.get(URL, {"connection": "other"}))) == {"queued": "1 queued"}


def test_nothing_active_is_said(viewer: Client, prod) -> None:
    made_run(prod)
    assert page_of(viewer.get(URL)).one(id="now").text == "Now no run is active"


def test_causes(viewer: Client, prod) -> None:
    made_runs(prod, 2, status="failed", assistant_id="asst_b")
    made_run(prod, status="incomplete", incomplete_details={"reason": "max_completion_tokens"})
    made_run(prod, status="expired")
    made_run(prod, status="failed", last_error=None)
    rows = page_of(viewer.get(URL)).one("section", id="causes").one("tbody").all("tr")
    names = [(row.one("a", title=True).text, row.all("td")[-1].text) for row in rows]
    assert names[0] == ("server_error", "2")
    assert sorted(names[1:]) == [
        ("Failed, no reason given", "1"), ("max_completion_tokens", "1"), ("never answered", "1"),
    ]  # fmt: skip
    assert rows[0].all("td")[0].text == "asst_b"
    assert rows[0].one("time")


def test_hostile_names_stay_text_and_keep_their_links_true(viewer: Client, prod) -> None:
    evil = '"><script>alert(1)</script> a"b\\ ..c'
    error = {"code": evil, "message": ""}
    made_runs(prod, 2, status="failed", model=evil, assistant_id=evil, last_error=error)
    for group in ("assistant", "model"):
        page = page_of(viewer.get(URL, {"group": group}))
        assert_figures_equal_lists(page)
        assert {"cause", "group"} <= {one["data-figure"] for one in page.all("a", data_figure=True)}
        narrowed = page.one("section", id="groups").one("tbody").one("th").one("a")["href"]
        assert figure(page_of(viewer.get(f"/{narrowed}")), "runs")["data-runs"] == "2"


def queries(client: Client, **query: str) -> int:
    with CaptureQueriesContext(database) as sent:
        page_of(client.get(URL, query))
    return len(sent)


def test_right_after_an_import_a_look_costs_no_more(viewer: Client, prod) -> None:
    made_runs(prod, 60, age_s=0, apart_s=3600)
    assert queries(viewer) <= 8
    assert queries(viewer) <= 6
    assert DirtyHour.objects.count() >= 60  # making them is left to the worker and to polls


def test_sums_are_drawn_once_for_all_who_look(viewer: Client, operator: Client, prod) -> None:
    made_run(prod)
    roll_all_up()
    shown = page_of(viewer.get(URL))
    with CaptureQueriesContext(database) as second:
        again = page_of(operator.get(URL))
    assert again.one("div", id="sums").text == shown.one("div", id="sums").text
    assert len(second) <= 6
    groups = page_of(viewer.get(URL, {"group": "model", "range": "30d"})).one("span", aria_labelledby="l-group")
    assert groups.one("a", aria_current="true")["href"] == "?range=30d&group=model"


def test_sums_that_are_kept_are_never_old(viewer: Client, prod) -> None:
    many = {"prompt_tokens": 9_000_000, "completion_tokens": 0, "total_tokens": 9_000_000}
    made_run(prod)
    roll_all_up()
    page_of(viewer.get(URL))
    dear = made_run(prod, usage=many, age_s=2 * DAY_S)
    for _ in range(2):  # counted from the run, then from new sums
        assert dearest(page_of(viewer.get(URL))) == dear.thread.upstream_id
        roll_all_up()
    assert purge_some(dear.thread, within_s=5)
    roll_all_up()
    assert dearest(page_of(viewer.get(URL))) != dear.thread.upstream_id


def dearest(page: Element) -> str:
    return page.one("section", id="dearest-threads").one("tbody").all("a")[0]["title"]


def test_a_connection_narrows(viewer: Client, prod) -> None:
    made_run(prod, status="failed")
    made_run(made_connection("other", **WORKS), status="failed")
    page = page_of(viewer.get(URL, {"connection": "other"}))
    assert figure(page, "failed")["data-runs"] == "1"
    assert page.one("form", id="range-menu").all("a")[0]["href"] == "?connection=other&range=24h"
    assert viewer.get(URL, {"connection": "nowhere"}).status_code == 404


# The poll


def live(client: Client, poll: Element, tag: str = ""):
    return client.get(poll["hx-get"], headers={"HX-Request": "true", "HX-PTag": tag or poll["hx-ptag"]})


def drawn_earlier(poll: Element) -> str:
    """The tag as if sums had been drawn a while ago."""
    state = PollState.shown(poll["hx-ptag"])
    return str(PollState(state.present, state.sums, state.slot - 1, state.pill))


def test_the_poll_answers_only_news(viewer: Client, prod) -> None:
    made_run(prod)
    poll = page_of(viewer.get(URL, {"range": "24h"})).one("div", id="poll")
    assert live(viewer, poll).status_code == 304
    assert live(viewer, poll, drawn_earlier(poll)).status_code == 304
    made_run(prod, status="requires_action")
    answer = live(viewer, poll, drawn_earlier(poll))
    partials = partials_of(answer)
    assert now_line(partials["#now"])["waiting"] == "1 needs an answer"
    assert figure(partials["#figures"], "runs")["data-runs"] == "2"
    assert {"#now", "#figures", "#sums", "#narrow", "#compared"} <= set(partials)
    assert partials["#poll"].one("div")["hx-ptag"] == answer["HX-PTag"]
    assert live(viewer, partials["#poll"].one("div")).status_code == 304


def test_sums_are_drawn_anew_only_now_and_then(viewer: Client, prod) -> None:
    made_run(prod)
    poll = page_of(viewer.get(URL)).one("div", id="poll")
    made_run(prod)
    same_slot = PollState.shown(poll["hx-ptag"])
    answer = live(viewer, poll)
    if answer.status_code != 304:  # the clock went on in between
        assert PollState.shown(answer["HX-PTag"]).slot > same_slot.slot
    assert "#sums" in partials_of(live(viewer, poll, drawn_earlier(poll)))


def test_what_is_so_now_comes_without_the_sums(viewer: Client, prod) -> None:
    waits = made_run(prod, status="requires_action")
    poll = page_of(viewer.get(URL)).one("div", id="poll")
    Run.objects.filter(pk=waits.pk).update(expires_at=timezone.now() + timedelta(seconds=60))
    partials = partials_of(live(viewer, poll))
    assert now_line(partials["#now"])["waiting"] == "1 needs an answer"
    assert "#sums" not in partials


@pytest.mark.parametrize("tag", ["x", "a-b-c-d", "1-2-99999999999999999999-3", "-" * 50, "\u00b2-\u00b2-\u00b2-\u00b2"])
def test_a_tag_of_nobody_is_answered_in_full(viewer: Client, prod, tag: str) -> None:
    made_run(prod)
    poll = page_of(viewer.get(URL)).one("div", id="poll")
    assert "#sums" in partials_of(live(viewer, poll, tag))


def test_who_may_look(client: Client, nobody: Client, viewer: Client) -> None:
    for path in (URL, "/live/"):
        assert client.get(path).status_code == 302
        assert nobody.get(path).status_code == 403
        assert nobody.post(path).status_code == 403
        assert viewer.post(path).status_code == 405


def test_an_outage_says_until_when_figures_are_counted_and_compares_nothing(viewer: Client, prod) -> None:
    made_runs(prod, 30, status="failed")
    made_runs(prod, 30, age_s=1.5 * DAY_S)
    assert page_of(viewer.get(URL, {"range": "24h"})).one("section", id="worse").all("li")
    Connection.objects.update(worker_seen_at=timezone.now() - timedelta(hours=1))
    page = page_of(viewer.get(URL, {"range": "24h"}))
    assert {one.text[:13] for one in page.one(id="figures").all("small")} == {"counted until"}
    assert "Not judged while figures are old" in page.one("section", id="worse").text
    assert not page.one("section", id="groups").all("small", class_="delta")
    assert page.one(id="now").text.startswith("Now not known since ")
