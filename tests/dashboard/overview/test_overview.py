"""The overview: figures that equal the lists they lead to, what needs a person, ranges, charts, the poll."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection as database
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from runsdash.dashboard.overview.views import PollState
from runsdash.dashboard.runs.query import run_list_query
from runsdash.index.keeping.purge import purge_some
from runsdash.index.models import Connection, DirtyHour, Run
from runsdash.index.search import ids_of
from runsdash.index.snapshots.upsert_assistants import upsert_assistants
from runsdash.index.totals.hour_spans import hour_of
from runsdash.index.totals.rollups import roll_up
from runsdash.service import objects
from tests.pages import Element, page_of, partials_of, run_ids
from tests.rows import made_connection, made_run, made_runs, roll_all_up, waiting_for

pytestmark = pytest.mark.django_db
URL = "/"
DAY_S = 86400


@pytest.fixture
def prod(db: None) -> Connection:
    return made_connection()


def count(page: Element, status: str) -> str:
    return page.one("a", data_count=status).one("strong").text


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
    path, query = urlsplit(url)[2:4]
    asked = run_list_query(QueryDict(query))
    assert (path, asked.error) == ("/runs/", None)
    connection = Connection.objects.get(slug=asked.connection_slug) if asked.connection_slug else None
    return len(ids_of(asked.filter, connection=connection, count=5000)[0])


def test_without_a_connection_it_explains(admin: Client, viewer: Client) -> None:
    page = page_of(admin.get(URL))
    assert "RUNSDASH_API_BASE_URL" in page.one("div", id="no-connection").text
    assert page.one("div", id="no-connection").one("a")["href"] == "/connections/new/"
    assert not page_of(viewer.get(URL)).one("div", id="no-connection").all("a")


def test_without_runs_it_leads_to_threads(viewer: Client, prod) -> None:
    page = page_of(viewer.get(URL))
    assert page.one("section", id="no-runs").one("a")["href"] == "/threads/"
    made_run(prod, age_s=40 * DAY_S)
    assert not page_of(viewer.get(URL)).all("section", id="no-runs")


# Figures


@pytest.fixture
def past(prod: Connection) -> Connection:
    """Runs of some days, models, assistants and threads, on two connections; sums are made of a part of them."""
    other = made_connection("other")
    for number in range(45):
        age_s = 60 + number * 7200
        status = ["completed", "completed", "failed", "incomplete", "expired", "cancelled"][number % 6]
        fields = {
            "thread_id": f"thread_{number % 4}",
            "assistant_id": f"asst_{number % 3}",
            "model": ["gpt-4o", "gpt-4.1", "of-ours", "gpt-4o-mini"][number % 4],
            "usage": None if number % 7 == 0 else {"prompt_tokens": 900, "completion_tokens": 90, "total_tokens": 990},
            "last_error": {"code": "rate_limit_exceeded", "message": "Slow."} if status == "failed" else None,
        }
        made_run(prod if number % 5 else other, age_s=age_s, status=status, **fields)
    made_runs(prod, 3, status="in_progress", age_s=2000, usage=None)
    made_runs(prod, 2, status="requires_action", age_s=20)
    roll_up(limit=20)
    made_run(prod, age_s=3 * DAY_S, status="failed")
    return prod


@pytest.mark.parametrize("query", [{}, {"range": "24h"}, {"range": "30d", "by": "assistant"}, {"connection": "prod"}])
def test_each_figure_equals_the_list_it_leads_to(viewer: Client, past, query: dict) -> None:
    page = page_of(viewer.get(URL, query))
    figures = page.all(data_figure=True)
    kinds = {one["data-figure"] for one in figures}
    assert kinds > {
        "runs",
        "completed",
        "failed",
        "waiting",
        "overdue",
        "cause",
        "period",
        "unpriced",
        "assistant",
        "thread",
    }
    on_pages = {}
    for figure in figures:
        link = figure if figure.tag == "a" else figure.parent
        number = int("".join(one for one in figure.text if one.isdecimal()))
        assert found_by(link["href"]) == number, (figure["data-figure"], link["href"])
        on_pages[figure["data-figure"]] = (link["href"], number)
    for href, number in on_pages.values():  # one of each kind as a person follows it
        assert len(listed(viewer, href)) == number, href


def test_sums_of_tokens_and_cost_equal_the_runs(viewer: Client, past) -> None:
    page = page_of(viewer.get(URL, {"range": "30d"}))
    rows = page.one("details", id="table-cost").one("tbody").all("tr")
    dollars = sum(float(row.all("td")[-2].text.strip("$<")) for row in rows)
    assert dollars == pytest.approx(sum(run.cost or 0 for run in Run.objects.all()), abs=0.01 * len(rows))
    total = page.one("details", id="table-tok").one("tfoot").all("td")[-2].text
    assert total == f"{sum(run.total_tokens or 0 for run in Run.objects.all()):,}"


def test_the_change_on_the_time_before(viewer: Client, prod) -> None:
    made_runs(prod, 3, status="failed")
    made_run(prod, status="failed", age_s=1.5 * DAY_S)
    cell = page_of(viewer.get(URL, {"range": "24h"})).one("a", data_count="failed")
    assert cell.one("span", class_="delta", data_tone="bad").text == "+2"
    assert "on prior 24 h" in cell.text


OF_SUMS = ("overview-facts", "causes", "usage", "latency", "assistants")


def mark(prod: Connection, first: int, count: int) -> None:
    """More hours to count than a page has time for."""
    DirtyHour.objects.bulk_create([DirtyHour(connection=prod, hour=first + at) for at in range(count)])


def test_no_figure_is_shown_that_rests_on_sums_in_the_making(viewer: Client, past) -> None:
    days, now = 300, hour_of(timezone.now())
    query = {"from": f"{timezone.now() - timedelta(days=days):%Y-%m-%d}"}
    whole = page_of(viewer.get(URL, query))
    mark(past, now - days * 24 + 24, days * 24 - 24)
    page = page_of(viewer.get(URL, query))
    there = {one["data-figure"] for one in page.all(data_figure=True)}
    active = {one["data-count"] for one in page.all("a", data_count=True) if "right now" in one.text}
    assert there == active | {"waiting", "overdue", "thread"}
    assert {one["data-figure"] for one in whole.all(data_figure=True)} - there
    for name in OF_SUMS:
        own = page.one(id=name)
        assert "Still counting" in own.text, name
        assert not own.all("table"), name
        assert "%" not in own.text, name
        assert "$" not in own.text, name
    ended = [one for one in page.all("a", data_count=True) if one["data-count"] not in active]
    assert [one.one("strong").text for one in ended] == ["…"] * len(ended)
    assert not page.all("span", class_="delta")


def test_no_change_is_shown_on_a_time_that_is_still_counted(viewer: Client, prod) -> None:
    made_runs(prod, 3, status="failed")
    made_run(prod, status="failed", age_s=45 * DAY_S)
    roll_all_up()
    assert page_of(viewer.get(URL, {"range": "30d"})).all("span", class_="delta")
    mark(prod, hour_of(timezone.now()) - 59 * 24, 29 * 24)
    page = page_of(viewer.get(URL, {"range": "30d"}))
    assert (count(page, "failed"), page.all("span", class_="delta")) == ("3", [])
    assert "prior 30 d still counted" in page.one("a", data_count="failed").text


def test_a_day_under_a_cent_is_not_free(viewer: Client, prod) -> None:
    made_run(prod, usage={"prompt_tokens": 20, "completion_tokens": 2, "total_tokens": 22})
    costs = page_of(viewer.get(URL)).one("section", id="costs")
    assert "<$0.01" in [one.text for one in costs.all("text")]
    per_run = page_of(viewer.get(URL)).one(id="assistants").one("tbody").all("td")[-1].text
    assert per_run == "$0.0001"


def test_dots_of_percentiles_have_a_legend(viewer: Client, prod) -> None:
    made_run(prod)
    names = [one.text for one in page_of(viewer.get(URL)).one(id="latency").one("ul", class_="legend").all("li")]
    assert names == ["p50", "p95", "p99"]


def test_unknown_prices_are_told_and_never_zero(viewer: Client, prod) -> None:
    made_runs(prod, 2, model="of-ours")
    page = page_of(viewer.get(URL))
    assert (
        page.one("section", id="costs").one("footer").text
        == "Not counted: 2 runs, no price known for their model or not all tokens reported."
    )
    assert "No price is known" in page.one("section", id="costs").one("div", class_="empty").text
    assert "No price is known" in page.one("section", id="dearest-threads").text
    assistants = page.one("section", id="assistants")
    assert "no cost known, so by tokens" in assistants.text
    assert "$" not in assistants.one("tbody").text
    made_run(prod)
    page = page_of(viewer.get(URL))
    assert "$0.04 at list prices" in page.one("section", id="costs").text
    assert "2 runs, no price known" in page.one("section", id="costs").one("footer").text


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
    for section in ("costs", "dearest-threads"):
        assert said in page.one("section", id=section).one("div", class_="empty").text
    words = [page.one("section", id="assistants").text, *(one["title"] for one in page.all(title=True))]
    assert not [one for one in words if "no price" in one]


def test_charts_have_their_numbers_in_a_table(viewer: Client, past) -> None:
    page = page_of(viewer.get(URL))
    for chart, table in (("tokens", "table-tok"), ("costs", "table-cost")):
        section = page.one("section", id=chart)
        assert section.one("svg", class_="plot")["role"] == "img"
        assert len(section.one("svg", class_="plot").one("svg").all("g")) == 7
        assert len(section.one("details", id=table).one("tbody").all("tr")) == 7
        heads = [head.text for head in section.one("thead").all("th")]
        assert set(heads[1:3]) < {"gpt-4o", "gpt-4.1", "gpt-4o-mini", "of-ours"}
        assert [heads[0], *heads[3:]] == ["Day, UTC", "Other models", "Total", "Runs"]
    assert not page.all(style=True)


def test_charts_by_assistant(viewer: Client, past) -> None:
    assistant = {"id": "asst_1", "object": "assistant", "name": "Stock <bot>", "model": "gpt-4o", "created_at": 1}
    upsert_assistants(past, [objects.Assistant.from_raw(assistant)], fetched_at=timezone.now())
    page = page_of(viewer.get(URL, {"by": "assistant"}))
    heads = [head.text for head in page.one("section", id="tokens").one("thead").all("th")]
    assert "Stock <bot>" in heads
    assert heads[3] == "Other assistants"
    assert page.one("nav", aria_label="Charts tell apart").one("a", aria_current="true").text == "By assistant"


def test_percentiles_are_marked_as_near(viewer: Client, prod) -> None:
    made_runs(prod, 3)
    made_run(prod, completed_at=int(timezone.now().timestamp()) + 1000)
    rows = page_of(viewer.get(URL)).one("section", id="latency").one("tbody").all("tr")
    assert [cell.text for cell in rows[0].all("td")[1:]] == ["≈ 1 s", "≈ 1 s", "≈ 1 s"]
    assert rows[1].all("td")[1].text == "≈ 47 s"
    assert rows[1].all("td")[3].text.startswith("≈ 17 m")


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
    assert page.one("nav", aria_label="Range").one("a", aria_current="true")["href"] == "?range=7d"
    assert page.one("div", class_="banner").text


def test_a_range_of_two_days_holds_both(viewer: Client, prod) -> None:
    noon = datetime.now(UTC).replace(hour=12, minute=0) - timedelta(days=5)
    for hours in (-13, -11, 0, 35, 37):
        made_run(prod, created_at=int((noon + timedelta(hours=hours)).timestamp()))
    following = noon + timedelta(days=1)
    page = page_of(viewer.get(URL, {"from": f"{noon:%Y-%m-%d}", "to": f"{following:%Y-%m-%d}"}))
    assert count(page, "completed") == "3"
    assert page.one("nav", aria_label="Range").one("button", aria_current="true").text == "Custom"
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
    section = page.one("section", id="tokens")
    assert section.one("h2").text == f"Tokens per {step}"
    assert len(section.one("svg", class_="plot").one("svg").all("g")) == bars


# Right now


def test_needs_action_soonest_first_with_a_way_to_respond(operator: Client, viewer: Client, prod) -> None:
    later = made_run(prod, status="requires_action", age_s=10)
    soon = made_run(prod, status="requires_action", age_s=500, required_action=waiting_for("a", "b", "b"))
    gone = made_run(prod, status="requires_action", age_s=700)
    panel = page_of(operator.get(URL)).one("section", id="needs-action")
    assert run_ids(panel) == [soon.upstream_id, later.upstream_id]
    row = panel.one("tr", data_run_id=soon.upstream_id)
    assert "soon" in row.one("span", data_countdown=True)["class"]
    assert row.one("time")["datetime"] == f"{soon.expires_at:%Y-%m-%dT%H:%M:%SZ}"
    assert "a, b ×2" in row.text
    assert row.one("a", class_="btn").text.startswith("Respond")
    assert row.one("a", class_="btn")["href"].endswith(f"/runs/{soon.upstream_id}/#tool-outputs")
    page = page_of(viewer.get(URL))
    assert page.one("section", id="needs-action").all("a", class_="btn")[0].text.startswith("Open")
    assert run_ids(page.one("div", id="overdue")) == [gone.upstream_id]


def test_overdue_runs(viewer: Client, prod) -> None:
    late = made_run(prod, status="in_progress", age_s=1000, expires_at=None)
    made_run(prod, status="in_progress", age_s=100)
    made_run(prod, status="completed", age_s=5000)
    page = page_of(viewer.get(URL))
    assert run_ids(page.one("div", id="overdue")) == [late.upstream_id]


def test_causes(viewer: Client, prod) -> None:
    made_runs(prod, 2, status="failed")
    made_run(prod, status="incomplete", incomplete_details={"reason": "max_completion_tokens"})
    made_run(prod, status="expired")
    rows = page_of(viewer.get(URL)).one("section", id="causes").one("tbody").all("tr")
    assert [row.all("td")[-1].text for row in rows] == ["2", "1", "1"]
    assert rows[0].one("code").text == "server_error"
    assert any("no reason given" in row.text for row in rows)


def test_hostile_names_stay_text_and_keep_their_links_true(viewer: Client, prod) -> None:
    evil = '"><script>alert(1)</script> a"b\\ ..c'
    error = {"code": evil, "message": ""}
    made_runs(prod, 2, status="failed", model=evil, assistant_id=evil, last_error=error)
    page = page_of(viewer.get(URL, {"by": "assistant"}))
    for figure in page.all("a", data_figure=True):
        assert len(listed(viewer, figure["href"])) == int("".join(filter(str.isdecimal, figure.text)) or 0)
    assert {"cause", "assistant"} <= {one["data-figure"] for one in page.all("a", data_figure=True)}


def test_queries_do_not_grow(viewer: Client, prod, django_assert_max_num_queries) -> None:
    for status in ("requires_action", "in_progress", "failed", "completed"):
        made_runs(prod, 12, status=status, age_s=20)
    with django_assert_max_num_queries(32):
        page_of(viewer.get(URL))


def test_sums_are_drawn_once_for_all_who_look(viewer: Client, operator: Client, prod) -> None:
    made_run(prod)
    roll_all_up()
    with CaptureQueriesContext(database) as first:
        shown = page_of(viewer.get(URL))
    with CaptureQueriesContext(database) as second:
        again = page_of(operator.get(URL))
    assert again.one("div", id="usage").text == shown.one("div", id="usage").text
    assert len(second) < len(first) - 5
    usage = page_of(viewer.get(URL, {"by": "assistant", "range": "30d"})).one("div", id="usage")
    assert usage.one("a", aria_current="true")["href"] == "?range=30d&by=assistant#usage"


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
    made_run(made_connection("other"), status="failed")
    page = page_of(viewer.get(URL, {"connection": "other"}))
    assert count(page, "failed") == "1"
    assert page.one("nav", aria_label="Range").all("a")[0]["href"] == "?range=24h&connection=other"
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
    waits = made_run(prod, status="requires_action")
    answer = live(viewer, poll, drawn_earlier(poll))
    partials = partials_of(answer)
    assert run_ids(partials["#needs-action"]) == [waits.upstream_id]
    assert count(partials["#status-counts"], "requires_action") == "1"
    assert partials["#overview-facts"].text.startswith("2 runs")
    assert {"#status-counts", "#causes", "#usage", "#latency", "#assistants", "#dearest-threads"} <= set(partials)
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
    assert "#usage" in partials_of(live(viewer, poll, drawn_earlier(poll)))


def test_what_is_so_now_comes_without_the_sums(viewer: Client, prod) -> None:
    waits = made_run(prod, status="requires_action")
    poll = page_of(viewer.get(URL)).one("div", id="poll")
    Run.objects.filter(pk=waits.pk).update(expires_at=timezone.now() + timedelta(seconds=60))
    partials = partials_of(live(viewer, poll))
    assert run_ids(partials["#needs-action"]) == [waits.upstream_id]
    assert "#count-requires_action" in partials
    assert "#usage" not in partials


@pytest.mark.parametrize("tag", ["x", "a-b-c-d", "1-2-99999999999999999999-3", "-" * 50, "\u00b2-\u00b2-\u00b2-\u00b2"])
def test_a_tag_of_nobody_is_answered_in_full(viewer: Client, prod, tag: str) -> None:
    made_run(prod)
    poll = page_of(viewer.get(URL)).one("div", id="poll")
    assert "#usage" in partials_of(live(viewer, poll, tag))


def test_who_may_look(client: Client, nobody: Client, viewer: Client) -> None:
    for path in (URL, "/live/"):
        assert client.get(path).status_code == 302
        assert nobody.get(path).status_code == 403
        assert nobody.post(path).status_code == 403
        assert viewer.post(path).status_code == 405
