"""Adds up the runs of a filter: how many by status, tokens, cost, how long completed ones took.

What sums of hours know is answered from them (`summed_runs`). Any other filter is walked (`walked_sums`).
"""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial

from runsdash.index.models import Connection
from runsdash.index.totals.histograms import EMPTY, Histogram, histogram_of, percentile
from runsdash.index.totals.span_reads import Narrowing

from .predicates import query_of_runs
from .run_filter import RunFilter
from .sql_pieces import Sql, each_run, fetched
from .summed_runs import COST, TOKENS, TOOK, UNPRICED, SummedRuns, Sums, narrowing_in_sums, sums_within
from .time_budget import TimeBudget
from .walked_sums import WalkedSums, counted_on, is_enough, kept_walk, key_of

SUMS = f"COUNT(*), {TOKENS}, {COST}, {UNPRICED}"
Row = tuple[str, int | None, int, int, float, int]  # status, seconds that completed runs took, and SUMS


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
    sums: Sums | None = None,
) -> FilterTotals:
    """Adds up a filter's runs. `budget`: of this look, if not the usual one; `sums`: reads them once for all."""
    wanted = narrowing_in_sums(run_filter, connection)
    there = None if wanted is None else (sums or partial(sums_within, run_filter))()
    if wanted is not None and there is not None:
        return summed(there, wanted)
    key = key_of("run-totals", run_filter, connection)
    kept: FilterTotals | None = kept_walk(key)
    if kept is not None and is_enough(kept, is_exact=is_exact):
        return kept
    query = partial(query_of_runs, run_filter, connection)
    return counted_on(key, kept, FilterTotals(), query, is_exact=is_exact, budget=budget)


def summed(sums: SummedRuns, wanted: Narrowing) -> FilterTotals:
    """Adds up those of the sums that are wanted."""
    found = FilterTotals(is_complete=True, at=time.time(), took=sums.took(wanted))
    facts = sums.wanted_facts(wanted)
    return found.plus((one.status, None, one.runs, one.total_tokens, one.cost, one.unpriced_runs) for one in facts)
