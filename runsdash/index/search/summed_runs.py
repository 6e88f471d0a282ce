"""Adds up runs from sums that were made before: whole hours by `index/totals`, and the runs beside those hours.

Sums know times, and the columns that they are told apart by. What they say is exact and of any number of runs.
"""

from collections.abc import Callable
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
    """Holds sums of runs told apart by COLUMNS, and how long completed ones took. The same key may come twice."""

    facts: list[Fact] = field(default_factory=list)
    times: list[tuple[Values, Histogram]] = field(default_factory=list)

    def wanted_facts(self, wanted: Narrowing) -> list[Fact]:
        facts = self.facts
        for at, values, is_in in asked_of(wanted):
            facts = [fact for fact in facts if (values_of(fact)[at] in values) is is_in]
        return facts

    def took(self, wanted: Narrowing) -> Histogram:
        times = self.times
        for at, values, is_in in asked_of(wanted):
            times = [(own, took) for own, took in times if (own[at] in values) is is_in]
        return sum(took for _, took in times)

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


def asked_of(wanted: Narrowing) -> list[tuple[int, Values, bool]]:
    """Returns places in COLUMNS, the values that are meant there, and whether those are wanted or all others."""
    parts = ((wanted.only, True), (wanted.but, False))
    return [(COLUMNS.index(name), values, is_in) for part, is_in in parts for name, values in part.items()]


def narrowing_in_sums(run_filter: RunFilter, connection: Connection | None) -> Narrowing | None:
    """Returns a filter, but for its time, as sums can answer it; None where they do not tell it apart."""
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
    """Returns a span of all keys, by two looks at the ends of their index: from a day to an hour, as sums are."""
    ends = "(SELECT r.id FROM index_run r ORDER BY r.id {} LIMIT 1)"
    [(first, last)] = fetched(Sql(f"SELECT {ends.format('ASC')}, {ends.format('DESC')}"))
    if first is None:
        return KeyRange(0, 0)
    return KeyRange(first // DAY_KEYS * DAY_KEYS, (last // HOUR_KEYS + 1) * HOUR_KEYS)
