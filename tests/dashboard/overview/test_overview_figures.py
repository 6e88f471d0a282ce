"""Figures of the overview equal the lists they lead to, in whatever way the page is narrowed and grouped."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from runsdash.index.models import Connection, Run
from runsdash.index.snapshots.upsert_assistants import upsert_assistants
from runsdash.index.totals.hour_spans import hour_of
from runsdash.index.totals.rollups import roll_up
from runsdash.service import objects
from tests.dashboard.overview.test_overview import (
    DAY_S,
    OF_SUMS,
    URL,
    WORKS,
    assert_figures_equal_lists,
    csv_of,
    figure,
    found_by,
    ids_found_by,
    listed,
    marked_hours,
    queries,
    week_start,
)
from tests.pages import page_of
from tests.rows import kept_for_the_module, made_connection, made_run, made_runs, roll_all_up

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def past(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Connection]:
    """Runs of some days, models, assistants and threads, on two connections; sums are made of a part of them."""
    with kept_for_the_module(django_db_blocker):
        prod, other = made_connection(**WORKS), made_connection("other", **WORKS)
        for number in range(45):
            age_s = 60 + number * 7200
            status = ["completed", "completed", "failed", "incomplete", "expired", "cancelled"][number % 6]
            fields = {
                "thread_id": f"thread_{number % 4}",
                "assistant_id": f"asst_{number % 3}",
                "model": ["gpt-4o", "gpt-4.1", "of-ours", "gpt-4o-mini"][number % 4],
                "usage": None
                if number % 7 == 0
                else {"prompt_tokens": 900, "completion_tokens": 90, "total_tokens": 990},
                "last_error": {"code": "rate_limit_exceeded", "message": "Slow."} if status == "failed" else None,
            }
            made_run(prod if number % 5 else other, age_s=age_s, status=status, **fields)
        made_runs(prod, 3, status="in_progress", age_s=2000, usage=None)
        made_runs(prod, 2, status="requires_action", age_s=20)
        roll_up(limit=20)
        made_run(prod, age_s=3 * DAY_S, status="failed")
        yield prod


KINDS = {"runs", "failed", "expired", "cost", "tokens", "took", "period", "group", "cause", "unpriced", "not-completed"}


NARROWED = [
    {"q": "model:gpt-4o"},
    {"q": "model:gpt-4o model:of-ours -assistant:asst_1", "group": "model"},
    {"q": "status:failed status:completed", "group": "status"},
    {"q": "-status:completed has:error"},
    {"q": "connection:other is:ended", "group": "connection"},
    {"q": "-error:rate_limit_exceeded", "group": "status"},
]


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"range": "24h"},
        {"range": "30d", "group": "model"},
        {"group": "status"},
        {"group": "connection"},
        {"connection": "prod"},
        *NARROWED,
    ],
)
def test_each_figure_equals_the_list_it_leads_to(viewer: Client, past, query: dict) -> None:
    page = page_of(viewer.get(URL, query))
    assert not page.all("div", class_="banner")
    assert_figures_equal_lists(page)
    kinds = {one["data-figure"] for one in page.all(data_runs=True)}
    assert kinds >= {"runs", "failed", "expired", "cost", "tokens", "took", "period", "group"}
    if not query:
        assert kinds >= KINDS | {"thread"}
        on_pages = {one["data-figure"]: one for one in page.all(data_runs=True)}
        for one in on_pages.values():  # one of each kind as a person follows it
            assert len(listed(viewer, one["href"])) == int(one["data-runs"]), one["href"]


@pytest.mark.parametrize("query", [{"group": "assistant"}, {"group": "model", "q": "-model:gpt-4o"}, {"range": "24h"}])
def test_each_mark_of_a_chart_equals_the_list_it_leads_to(viewer: Client, past, query: dict) -> None:
    page = page_of(viewer.get(URL, query))
    bars = page.one("section", id="chart-failures").one("svg", role="group").all("a")
    assert bars
    for mark in bars:
        assert mark["aria-label"] == mark.one("title").text
        assert found_by(mark["href"]) == int(mark["aria-label"].split(": ")[1].split(",")[0]), mark["href"]
    for mark in page.one("section", id="chart-tokens").one("svg", role="group").all("a"):
        tokens = int(mark["aria-label"].split(": ")[1].split(", ")[0].replace(",", ""))
        runs = Run.objects.filter(pk__in=ids_found_by(mark["href"]))
        assert sum(run.total_tokens or 0 for run in runs) == tokens


def test_sums_of_tokens_and_cost_equal_the_runs(viewer: Client, past) -> None:
    page = page_of(viewer.get(URL, {"range": "30d"}))
    rows = page.one("details", id="table-cost").one("tbody").all("tr")
    dollars = sum(float(row.all("td")[-1].text.strip("$<")) for row in rows)
    assert dollars == pytest.approx(sum(run.cost or 0 for run in Run.objects.all()), abs=0.01 * len(rows))
    tokens = [row.all("td")[-1].text for row in page.one("details", id="table-tokens").one("tbody").all("tr")]
    assert sum(int(one.replace(",", "")) for one in tokens) == sum(run.total_tokens or 0 for run in Run.objects.all())


def test_no_figure_is_shown_that_rests_on_sums_in_the_making(viewer: Client, past) -> None:
    days, now = 300, hour_of(timezone.now())
    query = {"from": f"{timezone.now() - timedelta(days=days):%Y-%m-%d}"}
    whole = page_of(viewer.get(URL, query))
    assert {one["id"] for one in whole.all("section", id=True)} >= set(OF_SUMS)
    marked_hours(past, now - days * 24 + 24, days * 24 - 24)
    page = page_of(viewer.get(URL, query))
    assert not page.all(data_runs=True)
    assert "Not yet counted" in page.one("div", data_counting=True).text
    assert not {one["id"] for one in page.all("section", id=True)}.intersection(OF_SUMS)
    assert {(one.one("strong").text, one.one("small").text) for one in page.one(id="figures").all("a")} == {
        ("…", "not yet counted")
    }
    assert viewer.get(URL, query | {"format": "csv"}).status_code == 503


def test_charts_have_their_numbers_in_a_table_and_in_a_file(viewer: Client, past) -> None:
    page = page_of(viewer.get(URL))
    for name in ("failures", "cost", "tokens", "took"):
        section = page.one("section", id=f"chart-{name}")
        rows = section.one("details", id=f"table-{name}").one("tbody").all("tr")
        assert len(rows) == 7
        table = csv_of(viewer, section.one("header").one("a")["href"])
        assert len(table) == 8
        assert table[0][0] == "Day"
        assert [row[0] for row in table[1:]] == [row.one("th").text for row in rows]
        assert len({len(row) for row in table}) == 1
    assert not page.all(style=True)


def test_groups_as_a_file_are_the_runs(viewer: Client, past) -> None:
    heads, *rows = csv_of(viewer, "?group=model&range=30d&format=csv")
    assert heads[:3] == ["model", "name", "runs"]
    found = {row[0]: dict(zip(heads, row, strict=True)) for row in rows}
    for model in ("gpt-4o", "of-ours"):
        runs = Run.objects.filter(model=model)
        assert int(found[model]["runs"]) == len(runs)
        assert int(found[model]["total_tokens"]) == sum(run.total_tokens or 0 for run in runs)
        assert int(found[model]["failed"]) == sum(run.status == "failed" for run in runs)
    assert found["of-ours"]["cost_usd"] == ""
    assert float(found["gpt-4o"]["cost_usd"]) == pytest.approx(
        sum(run.cost or 0 for run in Run.objects.filter(model="gpt-4o"))
    )


def test_assistants_have_their_names(viewer: Client, past) -> None:
    assistant = {"id": "asst_1", "object": "assistant", "name": "Stock <bot>", "model": "gpt-4o", "created_at": 1}
    upsert_assistants(past, [objects.Assistant.from_raw(assistant)], fetched_at=timezone.now())
    page = page_of(viewer.get(URL))
    assert "Stock <bot>" in [one.text for one in page.one("section", id="groups").one("tbody").all("th")]
    assert "Stock <bot>" in [one.text for one in page.one("section", id="chart-tokens").one("ul").all("li")]
    assert "Stock <bot>" in page.one("div", id="narrow-assistant").text


def test_menus_narrow_and_take_back(viewer: Client, past) -> None:
    menu = page_of(viewer.get(URL, {"range": "30d"})).one("div", id="narrow-model")
    (pair,) = (one for one in menu.all("div", class_="pair") if one.all("a")[0].text.startswith("gpt-4.1 "))
    keep, leave_out = pair.all("a")
    page = page_of(viewer.get(f"/{keep['href']}"))
    assert figure(page, "runs")["data-runs"] == str(Run.objects.filter(model="gpt-4.1").count())
    assert page.one(id="narrowed").one("code").text == "model:gpt-4.1"
    assert page.one(id="narrowed").one("a")["href"] == "?range=30d"
    page = page_of(viewer.get(f"/{leave_out['href']}"))
    assert figure(page, "runs")["data-runs"] == str(Run.objects.exclude(model="gpt-4.1").count())
    back = page.one("div", id="narrow-model").one("a", aria_label="Not gpt-4.1")
    assert (back["href"], back["aria-current"]) == ("?range=30d", "true")


@pytest.mark.parametrize(
    "query", [{"q": "status:nothing"}, {"q": "created>-1d"}, {"q": "model:a " * 600}, {"group": "weather"}]
)
def test_what_cannot_be_asked_is_left_out_and_said(viewer: Client, past, query: dict) -> None:
    page = page_of(viewer.get(URL, query))
    assert page.one("div", class_="banner").text
    assert figure(page, "runs")["data-runs"] == str(Run.objects.filter(created_at__gte=week_start()).count())


@pytest.mark.parametrize("days", ["7d", "30d"])
def test_a_look_costs_six_statements_and_one_after_a_change_some_more(viewer: Client, past, days: str) -> None:
    roll_all_up()
    queries(viewer, range=days)
    assert queries(viewer, range=days) <= 6  # session, user, connections, version, badge, what is active
    made_runs(past, 12, status="failed", age_s=20)
    assert queries(viewer, range=days) <= 26
    assert queries(viewer, range=days) <= 6
