"""Adds up the runs of a filter: how many by status, tokens, cost, how long completed ones took.

A filter of time and status is answered from the sums of hours (index/totals). Any other is walked (`walked_sums`).
"""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b

from django.core.cache import caches

from runsdash.index import run_states
from runsdash.index.models import Connection
from runsdash.index.totals.histograms import EMPTY, Histogram, histogram_of, percentile
from runsdash.index.totals.hour_spans import DAY_HOURS, HOUR_KEYS, Span
from runsdash.index.totals.span_reads import Narrowing, SpanReads, last_sums, reads_of

from .filter_names import MOMENTS
from .filter_values import KeyRange
from .index_ranges import bounds
from .predicates import query_of_runs
from .run_filter import Clause, RunFilter
from .run_query import RunQuery
from .sql_pieces import Sql, each_run, fetched, joined
from .time_budget import TimeBudget
from .walked_sums import LONGEST_S, WalkedSums, counted_on, is_enough, kept_walk, key_of

DAY_KEYS = DAY_HOURS * HOUR_KEYS
SUMS = (
    "COUNT(*), COALESCE(SUM(r.total_tokens), 0), COALESCE(SUM(r.cost), 0), "
    "COUNT(CASE WHEN r.total_tokens IS NOT NULL AND r.cost IS NULL THEN 1 END)"
)
TOOK = f"CASE WHEN r.status = '{run_states.COMPLETED}' THEN r.duration_s END"

Row = tuple[str, int | None, int, int, float, int]  # status, seconds that completed runs took, and SUMS
SumsOfHours = tuple[list[Row], Histogram]


@dataclass(frozen=True)
class FilterTotals(WalkedSums):
    """Holds sums of runs.

    `took` counts completed runs by seconds; `unpriced_runs` have tokens, but a model without a known price.
    """

    by_status: Counter[str] = field(default_factory=Counter)
    total_tokens: int = 0
    cost: float = 0.0
    unpriced_runs: int = 0
    took: Histogram = EMPTY

    @property
    def runs(self) -> int:
        return self.by_status.total()

    def took_s(self, share: float) -> int | None:
        return percentile(self.took, share)

    def with_ids(self, ids: Sql) -> "FilterTotals":
        rows = each_run(ids)
        return self.plus(fetched(Sql(f"SELECT r.status, {TOOK}, {SUMS} FROM {rows.text} GROUP BY 1, 2", rows.params)))

    def plus(self, rows: Iterable[Row]) -> "FilterTotals":
        """Adds rows of `SUMS` by status and seconds."""
        by_status, took = Counter(self.by_status), self.took
        tokens, cost, unpriced = self.total_tokens, self.cost, self.unpriced_runs
        for status, seconds, runs, of_tokens, of_cost, of_unpriced in rows:
            by_status[status] += runs
            tokens, cost, unpriced = tokens + int(of_tokens), cost + of_cost, unpriced + of_unpriced
            if seconds is not None:
                took += histogram_of(seconds, runs)
        return replace(self, by_status=by_status, took=took, total_tokens=tokens, cost=cost, unpriced_runs=unpriced)


def totals_of(
    run_filter: RunFilter,
    connection: Connection | None = None,
    *,
    is_exact: bool = False,
    budget: TimeBudget | None = None,
) -> FilterTotals | None:
    """Adds up a filter's runs. None while the sums of its hours are to be made anew, after an import.

    `budget`: of this look, where it is not the usual one.
    """
    span = summed_span(run_filter)
    if span is not None:
        return summed(run_filter, connection, span)
    key = key_of("run-totals", run_filter, connection)
    kept: FilterTotals | None = kept_walk(key)
    if is_enough(kept, is_exact=is_exact):
        return kept
    query = partial(query_of_runs, run_filter, connection)
    return counted_on(key, kept, FilterTotals(), query, is_exact=is_exact, budget=budget)


# From the sums of hours


def summed_span(run_filter: RunFilter) -> KeyRange | None:
    """Returns the keys of a filter that the sums of hours can answer: of time and status alone."""
    keys = KeyRange()
    for clause in run_filter.clauses:
        if clause.name in MOMENTS and not clause.is_negated:
            keys &= clause.key_range
        elif clause.name != "status":
            return None
    return keys if moments_are_alone(run_filter.clauses) else None


def moments_are_alone(clauses: Iterable[Clause]) -> bool:
    """Several times with `:` mean "or", which no single span is."""
    return sum(clause.name == "created" and clause.operator == ":" for clause in clauses) < 2


def summed(run_filter: RunFilter, connection: Connection | None, keys: KeyRange) -> FilterTotals | None:
    """Adds up whole hours from their sums, and what lies beside them from the runs."""
    found = FilterTotals(is_complete=True, at=time.time())
    keys &= all_keys()
    first = -(-keys.low // HOUR_KEYS)
    hours = Span(first, max(first, keys.high // HOUR_KEYS))
    run_query = query_of_runs(without_moments(run_filter), connection)
    for low, high in ((keys.low, min(hours.first * HOUR_KEYS, keys.high)), (hours.end * HOUR_KEYS, keys.high)):
        if low < high:
            found = found.plus(sums_within(run_query, KeyRange(max(low, keys.low), high)))
    if not hours.hours:
        return found
    of_hours = kept_sums(hours, narrowing(run_filter, connection))
    if of_hours is None:
        return None
    rows, took = of_hours
    return replace(found.plus(rows), took=found.took + took)


def all_keys() -> KeyRange:
    """Returns the span of all keys, by two looks at the ends of their index. It begins with a day, as sums do."""
    ends = "(SELECT r.id FROM index_run r ORDER BY r.id {} LIMIT 1)"
    [(first, last)] = fetched(Sql(f"SELECT {ends.format('ASC')}, {ends.format('DESC')}"))
    return KeyRange(0, 0) if first is None else KeyRange(first // DAY_KEYS * DAY_KEYS, last + 1)


def without_moments(run_filter: RunFilter) -> RunFilter:
    return RunFilter(tuple(one for one in run_filter.clauses if one.name not in MOMENTS))


def sums_within(run_query: RunQuery, keys: KeyRange) -> list[Row]:
    """Adds up the runs of a span of less than an hour that pass."""
    where = joined([*bounds("r.id", keys), *run_query.tests(but=())])
    text = f"SELECT r.status, {TOOK}, {SUMS} FROM index_run r WHERE {where.text} GROUP BY 1, 2"
    return fetched(Sql(text, where.params))


def narrowing(run_filter: RunFilter, connection: Connection | None) -> Narrowing:
    """Returns what the filter's clauses ask of sums: a connection and statuses."""
    wanted, unwanted = run_filter.values("status"), run_filter.values("status", negated=True)
    only: dict[str, tuple[str | int, ...]] = {"connection_id": (connection.pk,)} if connection else {}
    if wanted:
        only["status"] = tuple(wanted)
    return Narrowing(only, {"status": tuple(unwanted)} if unwanted else {})


def kept_sums(hours: Span, wanted: Narrowing) -> SumsOfHours | None:
    """Adds whole hours up. While none has a mark, that is kept for as long as no sums are made: it is the same."""
    (read,) = reads_of([hours], wanted)
    if read.waiting_hours:
        return None
    if not read.is_of_sums_alone:
        return added_up(read)
    digest = blake2b(repr((hours, wanted)).encode(errors="replace"), digest_size=12).hexdigest()
    kept: SumsOfHours | None = caches["fragments"].get_or_set(
        f"sums-of-hours-{digest}-{last_sums()}", lambda: added_up(read), LONGEST_S
    )
    return kept


def added_up(read: SpanReads) -> SumsOfHours:
    facts = read.facts("status", counts=("runs", "total_tokens", "cost", "unpriced_runs"))
    rows: list[Row] = [(one.status, None, one.runs, one.total_tokens, one.cost, one.unpriced_runs) for one in facts]
    return rows, read.took()
