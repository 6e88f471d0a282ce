"""Adds up the threads of a filter: how many by the status of their last run, and the sums of all their runs."""

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial

from runsdash.index.models import Connection

from .queries import query_of
from .run_filter import RunFilter
from .sql_pieces import Sql, each_row, fetched
from .subjects import THREADS
from .walked_sums import WalkedSums, counted_on, is_enough, kept_walk, key_of

SUMS = (
    "COUNT(*), COALESCE(SUM(r.run_count), 0), COALESCE(SUM(r.total_tokens), 0), COALESCE(SUM(r.cost), 0), "
    "COUNT(CASE WHEN r.total_tokens IS NOT NULL AND r.cost IS NULL THEN 1 END)"
)


@dataclass(frozen=True)
class ThreadSums(WalkedSums):
    """Holds sums of threads. `by_status`: of their last run, "" without one; `unpriced`: with tokens and no cost."""

    by_status: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    total_tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0

    @property
    def threads(self) -> int:
        return self.by_status.total()

    def with_ids(self, ids: Sql) -> "ThreadSums":
        rows = each_row(ids, THREADS.table, "id")
        last = "LEFT JOIN index_run l ON l.id = r.last_run_id"
        found = fetched(Sql(f"SELECT COALESCE(l.status, ''), {SUMS} FROM {rows.text} {last} GROUP BY 1", rows.params))
        by_status = Counter(self.by_status)
        runs, tokens, cost, unpriced = self.runs, self.total_tokens, self.cost, self.unpriced
        for status, threads, of_runs, of_tokens, of_cost, of_unpriced in found:
            by_status[status] += threads
            runs, tokens, cost = runs + int(of_runs), tokens + int(of_tokens), cost + of_cost
            unpriced += of_unpriced
        return replace(self, by_status=by_status, runs=runs, total_tokens=tokens, cost=cost, unpriced=unpriced)


def thread_sums(run_filter: RunFilter, connection: Connection | None = None, *, is_exact: bool = False) -> ThreadSums:
    """Adds up a filter's threads."""
    key = key_of("thread-sums", run_filter, connection)
    kept: ThreadSums | None = kept_walk(key)
    if kept is not None and is_enough(kept, is_exact=is_exact):
        return kept
    return counted_on(key, kept, ThreadSums(), partial(query_of, run_filter, connection), is_exact=is_exact)
