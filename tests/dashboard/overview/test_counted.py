"""What is counted run by run: filters and groups that sums do not tell apart."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from runsdash.index.models import Connection, Run
from runsdash.index.search.run_filter import parsed
from runsdash.index.search.run_query import KeyPosition
from runsdash.index.snapshots.upsert_runs import upsert_runs
from runsdash.index.snapshots.upsert_threads import upsert_threads
from runsdash.index.totals import run_counts
from runsdash.index.totals.hour_spans import Span, hour_of
from runsdash.index.totals.rollups import mark_dirty
from runsdash.index.totals.run_counts import Counting
from runsdash.service import objects
from tests.dashboard.overview.test_overview import (
    URL,
    WORKS,
    assert_figures_equal_lists,
    csv_of,
    ids_found_by,
)
from tests.pages import page_of
from tests.rows import kept_for_the_module, made_connection, made_run, roll_all_up, run_object

pytestmark = pytest.mark.django_db
DAY_S = 86400


@pytest.fixture(autouse=True)
def _no_counts() -> None:
    cache.clear()


@pytest.fixture(scope="module")
def customers(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Connection]:
    """Runs of two weeks and three customers, some without; threads have a tier."""
    with kept_for_the_module(django_db_blocker):
        prod = made_connection(**WORKS)
        customers = [{"customer": "C-1"}, {"customer": "C-2"}, {"customer": 'C "3"'}, {}]
        raws = [
            run_object(
                age_s=60 + number * 8 * 3600,
                thread_id=f"thread_{number % 5}",
                status=["completed", "completed", "failed"][number % 3],
                model=["gpt-4o", "gpt-4.1"][number % 2],
                metadata=customers[number % 4],
            )
            for number in range(40)
        ]
        upsert_runs(prod, [objects.Run.from_raw(raw) for raw in raws], fetched_at=timezone.now())
        threads = [
            {"id": f"thread_{number}", "object": "thread", "created_at": 1, "metadata": {"tier": f"t{number % 2}"}}
            for number in range(4)
        ]
        upsert_threads(prod, [objects.Thread.from_raw(one) for one in threads], fetched_at=timezone.now())
        roll_all_up()
        yield prod


@pytest.mark.parametrize(
    "query",
    [
        {"group": "metadata.customer"},
        pytest.param({"group": "thread.metadata.tier", "range": "30d"}, marks=pytest.mark.long),
        pytest.param({"q": "metadata.customer=C-1", "group": "model"}, marks=pytest.mark.long),
        {"q": "thread.metadata.tier=t1 -model:gpt-4.1", "group": "metadata.customer", "range": "30d"},
        pytest.param({"q": "duration>10s tokens>=1k"}, marks=pytest.mark.long),
        {"group": "function"},
    ],
)
def test_each_figure_equals_the_list_it_leads_to(viewer: Client, customers, query: dict) -> None:
    page = page_of(viewer.get(URL, query))
    assert not page.all("div", class_="banner", data_tone="warn")
    assert not page.all(data_counting=True)
    assert_figures_equal_lists(page)
    for mark in page.one("section", id="chart-tokens").one("svg", role="group").all("a"):
        tokens = int(mark["aria-label"].split(": ")[1].split(", ")[0].replace(",", ""))
        runs = Run.objects.filter(pk__in=ids_found_by(mark["href"]))
        assert sum(run.total_tokens or 0 for run in runs) == tokens, mark["href"]


def test_groups_by_metadata_are_the_runs(viewer: Client, customers) -> None:
    heads, *rows = csv_of(viewer, "?group=metadata.customer&range=30d&format=csv")
    found = {row[0]: dict(zip(heads, row, strict=True)) for row in rows}
    assert set(found) == {"C-1", "C-2", 'C "3"', "none"}
    for name in ("C-1", 'C "3"'):
        runs = [run for run in Run.objects.all() if run.metadata.get("customer") == name]
        assert int(found[name]["runs"]) == len(runs)
        assert int(found[name]["failed"]) == sum(run.status == "failed" for run in runs)
        assert float(found[name]["cost_usd"]) == pytest.approx(sum(run.cost for run in runs))


def test_the_menu_offers_keys_of_runs_and_of_threads(viewer: Client, customers) -> None:
    links = page_of(viewer.get(URL)).one("div", id="narrow-metadata").all("a")
    assert {one.text: one["href"] for one in links} == {
        "thread: tier": "?group=thread.metadata.tier",
        "run: customer": "?group=metadata.customer",
    }


def counting(**more: object) -> Counting:
    hour = hour_of(timezone.now())
    spans = (Span(hour - 24 * 14, hour + 1), Span(hour - 24 * 28, hour - 24 * 14))
    bars = tuple(Span(first, first + 24) for first in range(hour - 24 * 14, hour, 24))
    given = {"spans": spans, "bars": bars, "run_filter": parsed(""), "connection": None, "now_hour": hour} | more
    return Counting(**given)


def total(counted: run_counts.RunCounts) -> int:
    return sum(sums.runs for sums in (counted.groups or counted.facts).values())


def test_a_count_goes_on_where_it_was_and_is_kept(customers) -> None:
    one = counting(source="metadata", key="customer")
    begun = one.count(within_s=0)
    assert (one.progress(begun), begun.is_complete) == (0.0, False)
    found = one.count(within_s=30)
    assert (one.progress(found), found.is_complete) == (1.0, True)
    assert total(found) + total(one.newest()) == 40
    assert one.kept().is_complete


def test_a_count_begins_anew_once_a_run_in_it_has_changed(customers) -> None:
    one = counting(source="metadata", key="customer")
    assert total(one.count(within_s=30)) == 39  # one run is of the newest hours
    made_run(customers, age_s=30)
    assert one.kept().is_complete  # the newest hours are no part of it
    assert total(one.newest()) == 2
    old = Run.objects.order_by("pk").first()
    mark_dirty(customers.pk, [old.pk])
    assert not one.kept().is_complete
    one.count(within_s=30)
    roll_all_up()
    assert not one.kept().is_complete
    assert total(one.count(within_s=30)) == 39


def test_a_page_says_how_much_is_counted(viewer: Client, customers) -> None:
    one = counting(source="metadata", key="customer")
    assert one.progress(
        run_counts.RunCounts((0, 0), behind=KeyPosition(one.spans[0].first * 3600 << 30))
    ) == pytest.approx(0.5, 0.02)
