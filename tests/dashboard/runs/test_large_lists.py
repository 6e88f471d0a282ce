"""Facets of a list that is longer than what is counted: what is said at once, and what a second look says."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from runsdash.index.models import Connection, Run
from runsdash.index.search import facets as facets_module
from runsdash.index.search.facets import CountedValue, facets_of
from runsdash.index.search.run_filter import parsed
from runsdash.index.totals.rollups import mark_dirty, roll_up
from tests.dashboard.runs.test_run_filters import HTMX, counts, facets
from tests.pages import page_of
from tests.queries import at_most
from tests.rows import kept_for_the_module, made_connection, made_runs

pytestmark = pytest.mark.django_db
UNHURRIED = replace(facets_module.QUICK, find_s=30, index_s=30, statement_s=30)


@pytest.fixture(autouse=True)
def _no_slow_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        facets_module, "EXACT", replace(facets_module.EXACT, find_s=30, index_s=30, walk_s=30, statement_s=30)
    )
    monkeypatch.setattr(facets_module, "VALUE_WALK_S", 30)


@pytest.fixture(scope="module")
def many(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Connection]:
    """CAP + 5 completed runs of two models in turn, of which every 700th used a rare assistant; and a newer run."""
    with kept_for_the_module(django_db_blocker):
        prod = made_connection()
        (run,) = made_runs(prod, 1)
        first = int(run.created_at.timestamp()) - 9
        shared = {"connection": prod, "thread": run.thread, "created_at": run.created_at, "status": "completed"}
        Run.objects.bulk_create(
            [
                Run(
                    id=first << 30 | n,
                    upstream_id=f"many_{n}",
                    model=f"m{n % 2}",
                    assistant_id="rare" if n % 700 == 0 else "often",
                    **shared,
                )
                for n in range(facets_module.CAP + 5)
            ],
            batch_size=900,
        )
        mark_dirty(prod.pk, [first << 30])
        roll_up(within_s=60)
        yield prod


def test_a_large_list_says_that_there_are_more(many: Connection) -> None:
    with at_most(13):
        found = facets_of(parsed(""))
    with at_most(11):  # the sums of hours were read
        assert facets_module.facets_in_time(parsed(""), None, facets_module.EXACT) == found
    cap = facets_module.CAP
    assert (found.total, found.is_more, found.total_text) == (cap, True, "10,000+")
    assert found.statuses["completed"] == CountedValue("completed", cap, is_more=True)
    models = {count.value: count for count in found.by_name["model"]}
    assert models["m0"] == CountedValue("m0", 5003)
    assert found.by_name["connection"] == [CountedValue("prod", cap, is_more=True)]
    in_two = facets_of(parsed("has:metadata"))
    assert in_two.total == 0


@pytest.mark.clock
def test_what_no_index_counts_is_counted_run_by_run(viewer: Client, many: Connection) -> None:
    text = "-tool:search"
    hasty = facets_module.facets_in_time(parsed(text), None, UNHURRIED)
    assert hasty.can_be_finer
    assert {count.value: count.text for count in hasty.by_name["model"]}["m0"] == "500+"  # of the newest 1,000
    first = facets(viewer, q=text).one("div", id="facets")
    again = f"/runs/facets/?q={text.replace(':', '%3A')}&exact=1"
    assert first.get("hx-get", again) == again  # without it when all was counted at once
    page = page_of(viewer.get(again, headers=HTMX))
    assert page.one("div", id="facets").get("hx-get") is None
    assert (counts(page, "model")["m0"], counts(page, "assistant")["rare"]) == ("5,003", "15")
    assert counts(page, "status") == {"completed": "10,000+"}


def test_what_sums_tell_apart_is_said_at_the_first_look(many: Connection) -> None:
    found = facets_module.facets_in_time(parsed("-status:failed"), None, UNHURRIED)
    assert {one.value: one.text for one in found.by_name["model"] if one.number} == {
        "m0": "5,003",
        "m1": "5,002",
        "gpt-4o": "1",
    }
    assert {one.value: one.text for one in found.by_name["status"]}["completed"] == "10,000+"
    both = facets_module.facets_in_time(parsed("model:m0 status:completed"), None, replace(UNHURRIED, index_s=0))
    assert {one.value: one.text for one in both.by_name["assistant"]} == {"often": "4,988", "rare": "15"}
    assert not both.can_be_finer


def test_what_was_counted_among_many_is_kept_a_moment_also_for_few_of_them(many: Connection) -> None:
    few = facets_of(parsed("assistant:rare"))
    assert (few.total, few.is_more) == (15, False)
    with at_most(0):
        assert facets_of(parsed("assistant:rare")) == few


def test_what_is_kept_is_kept_for_a_time_zone(many: Connection) -> None:
    kept = facets_of(parsed(""))
    with timezone.override("Asia/Tokyo"), CaptureQueriesContext(database) as asked:
        assert facets_of(parsed("")) == kept
    assert len(asked), "a day begins at another moment there"


def test_a_first_look_takes_no_longer_for_what_else_it_had_to_do() -> None:
    usual = facets_module.QUICK
    assert usual.after(0) == usual
    halfway, late = usual.after(0.015), usual.after(9)
    assert usual.index_s > halfway.index_s > late.index_s > 0
    assert usual.find_s > halfway.find_s > late.find_s > 0
    assert (late.statement_s, late.gathered) == (usual.statement_s, usual.gathered)


def test_without_time_a_first_look_says_at_least_and_a_second_one_all(many: Connection) -> None:
    hurried = replace(UNHURRIED, index_s=0)
    whole = facets_module.facets_in_time(parsed("-tool:search"), None, hurried)
    assert (whole.total, whole.is_more, whole.can_be_finer) == (facets_module.CAP, True, True)
    assert whole.statuses["completed"] == CountedValue("completed", 500, is_more=True)  # of the newest
    text = "model:m0 status:completed -tool:search"
    half = facets_module.facets_in_time(parsed(text), None, hurried)
    assert (half.total, half.is_more, half.can_be_finer) == (5003, False, True)
    assert half.by_name["assistant"][0] == CountedValue("often", 498, is_more=True)
    assert facets_of(parsed(text)).by_name["assistant"][0] == CountedValue("often", 4988)
