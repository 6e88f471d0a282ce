"""Adds up runs from sums that were made before: whole hours by `index/totals`, and the runs beside those hours.

Sums know times, and the columns that they are told apart by. What they say is exact and of any number of runs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from runsdash.index import run_states
from runsdash.index.models import Connection
from runsdash.index.totals.histograms import Histogram, histogram_of
from runsdash.index.totals.hour_spans import DAY_HOURS, HOUR_KEYS, Span
from runsdash.index.totals.kept_days import kept_reads
from runsdash.index.totals.narrowing import narrowing_of
from runsdash.index.totals.span_reads import COLUMNS, Narrowing, Values, reads_of
from runsdash.index.totals.sums import Fact

from .filter_values import KeyRange
from .index_ranges import bounds
from .predicates import clause_groups, is_span
from .run_filter import RunFilter
from .sql_pieces import Sql, fetched, joined
from .subjects import RUNS

DAY_KEYS = DAY_HOURS * HOUR_KEYS
TOOK = f"CASE WHEN r.status = '{run_states.COMPLETED}' THEN r.duration_s END"
TOKENS, COST = "COALESCE(SUM(r.total_tokens), 0)", "COALESCE(SUM(r.cost), 0)"
UNPRICED = "COUNT(CASE WHEN r.total_tokens IS NOT NULL AND r.cost IS NULL THEN 1 END)"


@dataclass(frozen=True)
class SummedRuns:
    """Holds sums of runs told apart by COLUMNS, and how many seconds completed ones took; the same may come twice."""

    facts: list[Fact] = field(default_factory=list)
    times: list[tuple[Values, Histogram]] = field(default_factory=list)

    def wanted_facts(self, wanted: Narrowing) -> list[Fact]:
        is_wanted = chosen_by(wanted)
        return [fact for fact in self.facts if is_wanted(values_of(fact))]

    def took(self, wanted: Narrowing) -> Histogram:
        is_wanted = chosen_by(wanted)
        return sum(took for values, took in self.times if is_wanted(values))

    def add_runs(self, keys: KeyRange) -> None:
        """Adds the runs of less than an hour."""
        where, columns = joined(bounds("r.id", keys)), ", ".join(f"r.{name}" for name in COLUMNS)
        sums = f"{TOOK}, 0, {columns}, COUNT(*), 0, 0, {TOKENS}, {COST}, {UNPRICED}"
        text = f"SELECT {sums} FROM index_run r WHERE {where.text} GROUP BY {columns}, {TOOK}"
        for seconds, *counts in fetched(Sql(text, where.params)):
            fact = Fact._make(counts)
            self.facts.append(fact)
            if seconds is not None:
                self.times.append((values_of(fact), histogram_of(seconds, fact.runs)))


Sums = Callable[[], SummedRuns | None]


def values_of(fact: Fact) -> Values:
    return fact[1:6]  # COLUMNS, which follow the hour


def chosen_by(wanted: Narrowing) -> Callable[[Sequence[str | int]], bool]:
    """Returns a test of values of COLUMNS."""
    only, but = ([(COLUMNS.index(name), values) for name, values in part.items()] for part in (wanted.only, wanted.but))
    return lambda own: (
        all(own[at] in values for at, values in only) and not any(own[at] in values for at, values in but)
    )


def narrowing_in_sums(run_filter: RunFilter, connection: Connection | None) -> Narrowing | None:
    """Returns what a filter asks of sums beside its time; None for what they do not tell apart."""
    others = [one for group in clause_groups(run_filter.clauses) if not is_span(group) for one in group]
    return narrowing_of(run_filter.of(others), connection) if run_filter.subject is RUNS else None


def sums_within(run_filter: RunFilter) -> SummedRuns | None:
    """Adds up the runs of the filter's time, whatever else it asks for.

    None while many of its hours are to be summed anew, as after an import.
    """
    keys = all_keys()
    for group in clause_groups(run_filter.clauses):
        if is_span(group):
            keys &= group[0].key_range
    first = -(-keys.low // HOUR_KEYS)
    hours = Span(first, max(first, keys.high // HOUR_KEYS))
    found = SummedRuns()
    if hours.hours:
        read = kept_reads(reads_of([hours])[0])
        if read.waiting_hours:
            return None
        found.facts.extend(read.facts(*COLUMNS))
        found.times.extend((values, took) for _, values, took, _ in read.times())
    for low, high in ((keys.low, min(hours.first * HOUR_KEYS, keys.high)), (hours.end * HOUR_KEYS, keys.high)):
        if low < high:
            found.add_runs(KeyRange(low, high))
    return found


def all_keys() -> KeyRange:
    """Returns the span of all keys, by two looks at the ends of their index. It begins with a day, as sums do."""
    ends = "(SELECT r.id FROM index_run r ORDER BY r.id {} LIMIT 1)"
    [(first, last)] = fetched(Sql(f"SELECT {ends.format('ASC')}, {ends.format('DESC')}"))
    return KeyRange(0, 0) if first is None else KeyRange(first // DAY_KEYS * DAY_KEYS, last + 1)
