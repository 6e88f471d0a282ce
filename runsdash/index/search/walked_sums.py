"""Adds up what a filter finds by walking it, newest first, look by look. Owns how long a look takes and what is kept.

A quick look counts what it can at once and says that there is more; an exact one goes on from there until all is
counted. What was counted stays for a moment, so adding up takes at most a fiftieth of the time.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Self, TypeVar

from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from runsdash.index.models import Connection

from .plan import plan_for
from .run_filter import RunFilter
from .run_query import Position, RunOrder, RunQuery
from .sql_pieces import Sql, TookTooLong, stopped_after
from .time_budget import TimeBudget
from .value_counts import chunks, read_once

QUICK = TimeBudget(walk_s=0.02, statement_s=0.3, first_chunk=1_000, gathered=10_000)
EXACT = TimeBudget(walk_s=0.7, statement_s=0.8)
KEPT_TIMES_COST, SHORTEST_S, LONGEST_S = 50, 5, 600


@dataclass(frozen=True)
class WalkedSums:
    """Says how far sums go.

    `is_complete`: of all there are, else of those down to `reached`; `at`: when they were counted.
    """

    is_complete: bool = False
    reached: Position | None = None
    at: float = 0.0
    cost_s: float = 0.0  # what counting took

    def with_ids(self, ids: Sql) -> Self:
        """Adds what a query of ids finds."""
        raise NotImplementedError


Sums = TypeVar("Sums", bound=WalkedSums)


def key_of(name: str, run_filter: RunFilter, connection: Connection | None) -> str:
    """Names the sums of a filter of a connection; days are those of the reader."""
    parts: Any = str(run_filter), connection.pk if connection else 0, timezone.get_current_timezone_name()
    return f"{name}-{settings.VERSION}-{blake2b(repr(parts).encode(errors='replace'), digest_size=12).hexdigest()}"


def kept_walk(key: str) -> Any:
    """Returns what was counted a moment ago; None for nothing."""
    return cache.get(key)


def is_enough(kept: WalkedSums | None, *, is_exact: bool) -> bool:
    """Tells whether a look may use what is kept as it is: an exact one only if that is all."""
    return kept is not None and (kept.is_complete or not is_exact)


def counted_on(
    key: str,
    kept: Sums | None,
    empty: Sums,
    query: Callable[[], RunQuery],
    *,
    is_exact: bool,
    budget: TimeBudget | None = None,
) -> Sums:
    """Goes on from where an earlier look got to, and keeps how far this one came."""
    began = time.monotonic()
    found = walked(query(), kept or empty, budget or (EXACT if is_exact else QUICK))
    found = replace(found, at=time.time(), cost_s=found.cost_s + time.monotonic() - began)
    if kept is not None or found.cost_s > QUICK.walk_s or not found.is_complete:
        cache.set(key, found, min(max(found.cost_s * KEPT_TIMES_COST, SHORTEST_S), LONGEST_S))
    return found


def walked(run_query: RunQuery, found: Sums, budget: TimeBudget) -> Sums:
    """Adds up chunk by chunk from where `found` has got to, until all is counted or time is over."""
    budget = budget.started()
    try:
        with stopped_after(budget.statement_s):
            plan = plan_for(run_query, RunOrder(), found.reached, budget)
            reads_rows = plan.gathered is None and bool(plan.tests)
            for ids, is_last, reached in chunks(plan, budget, start=found.reached):
                found = found.with_ids(read_once(ids) if reads_rows else ids)
                found = replace(found, is_complete=is_last, reached=reached)
    except TookTooLong:
        pass
    return found
