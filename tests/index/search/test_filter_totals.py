"""Totals of a filter: the same from sums of hours, by walking at once, and look by look."""

import random
import re
from collections import Counter
from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from runsdash.index.models import Connection, Run
from runsdash.index.search import ids_of
from runsdash.index.search.facet_times import QUICK
from runsdash.index.search.facets import facets_in_time
from runsdash.index.search.filter_totals import FilterTotals, totals_of
from runsdash.index.search.predicates import query_of_runs
from runsdash.index.search.run_filter import parsed
from runsdash.index.search.time_budget import TimeBudget
from runsdash.index.search.walked_sums import walked
from runsdash.index.snapshots.upsert_runs import upsert_runs
from runsdash.index.totals.histograms import histogram_of
from runsdash.index.totals.hour_spans import HOUR_KEYS
from runsdash.index.totals.rollups import mark_dirty, roll_up
from runsdash.service import objects
from tests.rows import kept_for_the_module, made_connection, made_run, run_object

pytestmark = pytest.mark.django_db
TINY = TimeBudget(walk_s=0.0, statement_s=60, first_chunk=7, probed=5, gathered=5)
FILTERS = [
    "", "created>-3h", "created>-90m", "created:today", "since:5h", "status:failed", "-status:completed",
    "status:completed created>-5h", "model:gpt-4o", "model:gpt-4o status:failed", "tokens>100", "-model:gpt-4o created>-4h",
    "created<-1h created>-6h", "status:expired", "created>2026-01-01", "created:1970-01-03", "has:error", "-has:error",
    "is:active model:gpt-4o-mini", "assistant:asst_000000000000000000000001 created>-5h", "error:server_error",
    "connection:other", "connection:other model:gpt-4o", "created:today created:yesterday",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _no_counts(db: None) -> None:
    cache.clear()


@pytest.fixture(scope="module")
def prod(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Connection]:
    with kept_for_the_module(django_db_blocker):
        prod, other, dice = made_connection(), made_connection("other"), random.Random(4)
        raws: dict[bool, list[dict]] = {True: [], False: []}
        for number in range(60):
            raw = run_object(
                age_s=60 + number * 600,
                status=dice.choice(["completed", "completed", "failed", "queued"]),
                model=dice.choice(["gpt-4o", "gpt-4o-mini", "unheard-of"]),
                usage=(
                    {"prompt_tokens": number, "completion_tokens": 9, "total_tokens": number + 9}
                    if number % 3
                    else None
                ),
            )
            raws[bool(number % 5)].append(raw)
        for connection, own in ((prod, raws[True]), (other, raws[False])):
            upsert_runs(connection, [objects.Run.from_raw(raw) for raw in own], fetched_at=timezone.now())
        yield prod


def in_python(runs: list[Run]) -> tuple[object, ...]:
    return (
        Counter(run.status for run in runs),
        sum(run.total_tokens or 0 for run in runs),
        pytest.approx(sum(run.cost or 0 for run in runs)),
        sum(run.total_tokens is not None and run.cost is None for run in runs),
        sum(histogram_of(run.duration_s) for run in runs if run.status == "completed" and run.duration_s is not None),
    )


def said(found: FilterTotals) -> tuple[object, ...]:
    return +found.by_status, found.total_tokens, found.cost, found.unpriced_runs, found.took


def runs_of(text: str, connection: Connection | None) -> list[Run]:
    return list(Run.objects.filter(pk__in=ids_of(parsed(text), connection=connection, count=1000)[0]))


@pytest.mark.parametrize("has_sums", [True, False])
def test_totals_are_those_of_its_runs(prod: Connection, has_sums: bool) -> None:
    if has_sums:
        roll_up(limit=1000, within_s=60)
    for text in FILTERS:
        for connection in (None, prod):
            found = totals_of(parsed(text), connection, is_exact=True)
            assert found.is_complete
            assert said(found) == in_python(runs_of(text, connection)), text


def test_sums_of_hours_spare_to_look_at_runs(prod: Connection) -> None:
    roll_up(limit=1000, within_s=60)
    with CaptureQueriesContext(database) as queries:
        totals_of(parsed("status:completed created>-5h"))
    on_runs = [one["sql"] for one in queries.captured_queries if "FROM index_run r" in one["sql"]]
    assert on_runs
    assert all("ORDER BY r.id" in sql or ("r.id >= " in sql and "r.id < " in sql) for sql in on_runs)


@pytest.mark.parametrize("text", ["", "status:completed model:gpt-4o"])
def test_whole_hours_are_told_without_a_look_at_their_runs(prod: Connection, text: str) -> None:
    """The last one too, in which the newest run lies."""
    roll_up(limit=1000, within_s=60)
    with CaptureQueriesContext(database) as queries:
        found = totals_of(parsed(text))
        counts = facets_in_time(parsed(text), None, QUICK)
    assert (found.runs, counts.total) == (len(runs_of(text, None)),) * 2
    on_runs = [one["sql"] for one in queries.captured_queries if re.search("FROM index_run [dr] ", one["sql"])]
    assert not [sql for sql in on_runs if "COUNT(*)" in sql or "SUM(" in sql]


def test_what_sums_tell_apart_is_said_at_the_first_look(prod: Connection) -> None:
    roll_up(limit=1000, within_s=60)
    for text in ("model:gpt-4o", "-model:gpt-4o created>-4h", "has:error", "is:active connection:other"):
        found = totals_of(parsed(text), budget=TINY)
        assert found.is_complete
        assert said(found) == in_python(runs_of(text, None)), text


def test_while_sums_are_to_be_made_runs_are_counted(prod: Connection) -> None:
    roll_up(limit=1000, within_s=60)
    first = Run.objects.order_by("pk").first()
    assert first is not None
    mark_dirty(prod.pk, range(first.pk, first.pk + 100 * HOUR_KEYS, HOUR_KEYS))
    for text in ("", "status:failed", "model:gpt-4o"):
        assert said(totals_of(parsed(text), is_exact=True)) == in_python(runs_of(text, None)), text


@pytest.mark.parametrize("text", ["", "created>-5h -status:failed"])
def test_hours_are_read_once_until_one_of_them_changes(prod: Connection, text: str) -> None:
    def look() -> tuple[FilterTotals, bool]:
        with CaptureQueriesContext(database) as queries:
            found = totals_of(parsed(text))
        return found, any("took, queued" in one["sql"] for one in queries.captured_queries)

    roll_up(limit=1000, within_s=60)
    first, was_read = look()
    assert was_read
    again, was_read = look()
    assert (said(again), was_read) == (said(first), False)
    for number in (1, 2):
        made_run(prod, age_s=2 * 3600, model=f"m{number}")
        for _ in range(2):  # while the hour has a mark its runs are counted at each look
            assert look()[0].runs == first.runs + number
        assert look()[1] is False  # the other hours are not
        roll_up(limit=1000, within_s=60)
        for is_first in (True, False):
            found, was_read = look()
            assert (found.runs, was_read) == (first.runs + number, is_first)


@pytest.mark.parametrize("text", ["model:gpt-4o", "-model:gpt-4o", "tokens>10 model:gpt-4o-mini"])
def test_a_walk_goes_on_where_it_was_stopped(prod: Connection, text: str) -> None:
    found, looks = FilterTotals(), 0
    while not found.is_complete:
        before = found.runs
        found, looks = walked(query_of_runs(parsed(text)), found, TINY), looks + 1
        assert found.runs >= before
        assert looks < 30
    assert looks > 2
    assert said(found) == in_python(runs_of(text, None))


def test_what_took_long_is_kept_and_continued(prod: Connection) -> None:
    no_tool = parsed("model:gpt-4o -tool:search")
    quick = totals_of(no_tool, budget=TINY)
    assert not quick.is_complete
    assert totals_of(no_tool) == quick  # said again, and the page asks for more
    exact = totals_of(no_tool, is_exact=True)
    assert exact.is_complete
    made_run(prod, model="gpt-4o")
    assert totals_of(no_tool) == exact
