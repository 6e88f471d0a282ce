"""Finds the threads whose runs of a span cost most.

A thread's runs of a span cost at most what all its runs cost, and threads are indexed by that. So they are walked from
the dearest down until none that follows can be among the first: exact, though few are looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Count, QuerySet, Sum

from runsdash.index.models import Run, Thread

from .hour_spans import Span

BATCH = 50  # threads summed by one query
MAX_WALKED = 1000


@dataclass(frozen=True)
class ThreadCost:
    """Holds what the runs of a span cost on one thread (its key). Maybe none of them reported tokens."""

    thread_id: int
    runs: int
    total_tokens: int
    cost: float


@dataclass(frozen=True)
class Dearest:
    """Holds the dearest threads. `is_exact` false: others behind MAX_WALKED threads could cost more in the span."""

    threads: list[ThreadCost]
    is_exact: bool = True


def dearest_threads(span: Span, *, connection_id: int | None, limit: int) -> Dearest:
    there = Thread.objects.filter(cost__gt=0, last_run_at__gte=span.start_at)
    if connection_id is not None:
        there = there.filter(connection_id=connection_id)
    walked = there.order_by("-cost", "-last_run_at", "-id").values_list("id", "cost")
    found: list[ThreadCost] = []
    total = 0
    for batch in batches(walked):
        total += len(batch)
        found = first_of([*found, *costs(span, [pk for pk, _ in batch])], limit)
        if len(found) == limit and (batch[-1][1] or 0) <= found[-1].cost:
            return Dearest(found)
    return Dearest(found, is_exact=total < MAX_WALKED)


def batches(walked: QuerySet[Thread, tuple[int, float | None]]) -> Iterator[list[tuple[int, float | None]]]:
    """Yields the first MAX_WALKED, batch by batch: one is nearly always enough."""
    for start in range(0, MAX_WALKED, BATCH):
        batch = list(walked[start : start + BATCH])
        if batch:
            yield batch
        if len(batch) < BATCH:
            return


def costs(span: Span, thread_ids: list[int]) -> list[ThreadCost]:
    rows = Run.objects.filter(thread_id__in=thread_ids, **span.keys).order_by().values("thread_id")
    found = rows.annotate(runs=Count("pk"), tokens=Sum("total_tokens"), costs=Sum("cost"))
    return [ThreadCost(row["thread_id"], row["runs"], row["tokens"] or 0, row["costs"] or 0.0) for row in found]


def first_of(found: list[ThreadCost], limit: int) -> list[ThreadCost]:
    ordered = sorted((one for one in found if one.cost > 0), key=lambda one: (-one.cost, one.thread_id))
    return ordered[:limit]
