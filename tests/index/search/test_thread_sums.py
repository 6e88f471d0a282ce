"""Sums of the threads that a filter finds: those of its threads, at once and look by look."""

from collections import Counter
from collections.abc import Iterator

import pytest
from django.core.cache import cache
from pytest_django import DjangoDbBlocker

from runsdash.index.models import Run, Thread
from runsdash.index.search import ids_of
from runsdash.index.search.queries import query_of
from runsdash.index.search.run_filter import parsed
from runsdash.index.search.subjects import THREADS
from runsdash.index.search.thread_sums import ThreadSums, thread_sums
from runsdash.index.search.time_budget import TimeBudget
from runsdash.index.search.walked_sums import walked
from tests.rows import kept_for_the_module, made_connection, made_run

pytestmark = pytest.mark.django_db
TINY = TimeBudget(walk_s=0.0, statement_s=60, first_chunk=7, probed=5, gathered=5)
FILTERS = ["", "status:failed", "-status:failed", "runs>1", "tokens>20000", "model:unheard-of", "status:queued"]


@pytest.fixture(scope="module", autouse=True)
def threads(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with kept_for_the_module(django_db_blocker):
        prod, other = made_connection(), made_connection("other")
        for number in range(40):
            made_run(
                other if number % 7 == 0 else prod,
                thread_id=f"thread_{number // 2 if number % 3 else number}",
                age_s=4000 - 60 * number,
                status="failed" if number % 5 == 0 else "completed",
                model="unheard-of" if number % 4 == 0 else "gpt-4o",
            )
        yield


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    cache.clear()


def in_python(text: str, connection=None) -> tuple[object, ...]:
    keys = ids_of(parsed(text, THREADS), connection=connection, count=1000)[0]
    found = list(Thread.objects.filter(pk__in=keys))
    statuses = dict(Run.objects.values_list("pk", "status"))
    return (
        Counter(statuses.get(one.last_run_id, "") for one in found),
        sum(one.run_count for one in found),
        sum(one.total_tokens or 0 for one in found),
        pytest.approx(sum(one.cost or 0 for one in found)),
        sum(one.total_tokens is not None and one.cost is None for one in found),
    )


def said(found: ThreadSums) -> tuple[object, ...]:
    return +found.by_status, found.runs, found.total_tokens, found.cost, found.unpriced


@pytest.mark.parametrize("text", FILTERS)
def test_they_are_those_of_its_threads(text: str) -> None:
    found = thread_sums(parsed(text, THREADS), is_exact=True)
    assert found.is_complete
    assert said(found) == in_python(text)


def test_they_are_of_one_connection(db: None) -> None:
    other = made_connection("third")
    made_run(other)
    assert said(thread_sums(parsed("", THREADS), other)) == in_python("", other)


@pytest.mark.parametrize("text", ["", "-status:failed", "runs>1"])
def test_a_walk_goes_on_where_it_was_stopped(text: str) -> None:
    found, looks = ThreadSums(), 0
    while not found.is_complete:
        before = found.threads
        found, looks = walked(query_of(parsed(text, THREADS)), found, TINY), looks + 1
        assert found.threads >= before
        assert looks < 30
    assert said(found) == in_python(text)
