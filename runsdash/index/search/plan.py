"""Chooses how a list is answered: by scanning an index in order, or by gathering a short range and sorting it.

Near the position where a page starts each index is looked at through a few hundred entries; the one that reaches
farthest is the most selective there. A page therefore costs about the same at any depth and for any filter. Owns the
choice alone: what an index holds stands in `run_query`, how it is read in `scans`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

from . import index_ranges
from .index_ranges import EVERY_RUN, IndexRanges
from .predicates import Predicate, created_in
from .run_query import RunQuery, index_choices
from .scans import ColumnScan, KeyScan, Position, RunOrder, Scan, ScanResult, column_scans, run_scans
from .sql import Sql, each_run, fetched, joined
from .time_budget import TimeBudget

NO_CHOICE = Predicate("", Sql("1 = 1"), EVERY_RUN)  # all runs are walked and every predicate tested


@dataclass(frozen=True)
class Plan:
    """Holds `scans` to walk, or an index to be `gathered`; `tests` are left to be tested on each run."""

    run_query: RunQuery
    order: RunOrder
    tests: Sequence[Sql]
    scans: Sequence[Scan] = ()
    gathered: IndexRanges | None = None

    def run(self, position: Position | None, *, count: int, budget: TimeBudget) -> ScanResult:
        if self.gathered is not None:
            return ScanResult(self.gathered_positions(self.gathered, position, count=count, cap=budget.gathered))
        return run_scans(self.scans, position, tests=self.tests, count=count, budget=budget)

    def gathered_positions(
        self, index: IndexRanges, position: Position | None, *, count: int, cap: int
    ) -> list[Position]:
        """Reads an index whole, tests its runs and sorts those behind `position`."""
        rows = each_run(index.ids(key_range=self.run_query.key_range, count=cap + 1))
        where = joined([*self.tests, *beyond(self.order, position)] or [Sql("1 = 1")])
        columns = "r.id" if self.order.is_by_time else f"r.{self.order.column}, r.id"
        text = f"SELECT {columns} FROM {rows.text} WHERE {where.text} {sort_of(self.order)} LIMIT {count}"
        return fetched(Sql(text, (*rows.params, *where.params)))


def plan_for(run_query: RunQuery, order: RunOrder, position: Position | None, budget: TimeBudget) -> Plan:
    """Returns the cheapest plan for a page behind `position`. Probes each index when there is a choice.

    By time, see `plan_by_time`. By another column, the shortest index is gathered if it is short, else the column's own
    index scanned.
    """
    if order.is_by_time:
        return plan_by_time(run_query, order, position, budget)
    choices, key_range = index_choices(run_query), run_query.key_range
    if not key_range.is_unbounded:
        choices.append(Predicate("created", created_in(key_range), index_ranges.of_key_range(key_range)))
    shortest = shortest_of(choices, run_query, cap=budget.gathered)
    return scanning_column(run_query, order) if shortest is None else gathering(run_query, order, shortest)


def plan_by_time(run_query: RunQuery, order: RunOrder, position: Position | None, budget: TimeBudget) -> Plan:
    """Scans the sparsest index in the order of ids, or gathers another one that is short enough."""
    choices = index_choices(run_query)
    by_id = [one for one in choices if one.index.is_by_id]
    if not run_query.predicates:
        return scanning(run_query, order, NO_CHOICE)
    if len(choices) == 1 and by_id:
        return scanning(run_query, order, by_id[0])
    sparsest, is_short = sparsest_of(by_id, run_query, order, position, budget.probed)
    if not is_short:
        not_by_id = [one for one in choices if not one.index.is_by_id]
        shortest = shortest_of(not_by_id, run_query, cap=budget.gathered)
        if shortest is not None:
            return gathering(run_query, order, shortest)
    return scanning(run_query, order, sparsest)


# The three ways


def scanning(run_query: RunQuery, order: RunOrder, choice: Predicate) -> Plan:
    scan = KeyScan(choice.index, run_query.key_range, order.is_falling)
    return Plan(run_query, order, run_query.tests(but=choice.answers), scans=[scan])


def gathering(run_query: RunQuery, order: RunOrder, choice: Predicate) -> Plan:
    tests = run_query.tests(but=choice.answers)
    if not choice.index.is_by_id:
        tests += index_ranges.bounds("r.id", run_query.key_range)
    return Plan(run_query, order, tests, gathered=choice.index)


def scanning_column(run_query: RunQuery, order: RunOrder) -> Plan:
    """Scans the sort's own index. A comparison of the same column bounds the scan; a span of time is tested."""
    own = [one for one in run_query.predicates if one.column == order.column and len(one.index.ranges) == 1][:1]
    tests = [*run_query.tests(but=own), *index_ranges.bounds("r.id", run_query.key_range)]
    scans = column_scans(order, bound=own[0].index.ranges[0].where if own else None)
    if own and "IS NULL" not in own[0].condition.text:
        scans = [scan for scan in scans if isinstance(scan, ColumnScan) and not scan.is_null]
    return Plan(run_query, order, tests, scans=scans)


# Comparing indexes


def shortest_of(choices: Sequence[Predicate], run_query: RunQuery, *, cap: int) -> Predicate | None:
    """Returns the choice whose index has the fewest entries, if it has at most `cap`. Counts no further than needed."""
    shortest, fewest = None, cap + 1
    for choice in choices:
        count = choice.index.count(run_query.key_range, cap=fewest - 1)
        if count < fewest:
            shortest, fewest = choice, count
    return shortest


def sparsest_of(
    choices: Sequence[Predicate], run_query: RunQuery, order: RunOrder, position: Position | None, probed: int
) -> tuple[Predicate, bool]:
    """Returns the choice with the fewest runs near `position`, and whether its index ends within `probed` entries.

    Each index is asked for its next `probed` entries. One that has fewer left beats those that go on, and the fewest
    win. Of those that go on, the one whose last entry is farthest away has its entries farthest apart. The first of
    equals wins; without choices, all runs are walked.
    """

    def density(choice: Predicate) -> tuple[bool, int]:
        """What is smaller is sparser."""
        seen, last = KeyScan(choice.index, run_query.key_range, order.is_falling).chunk(position, probed)
        if last is None or seen < probed:
            return False, seen
        return True, last[-1] if order.is_falling else -last[-1]

    if not choices:
        return NO_CHOICE, False
    (goes_on, _), sparsest = min([(density(one), one) for one in choices], key=itemgetter(0))
    return sparsest, not goes_on


# The order of what was gathered


def sort_of(order: RunOrder) -> str:
    way = "DESC" if order.is_falling else "ASC"
    if order.is_by_time:
        return f"ORDER BY r.id {way}"
    nulls = "DESC" if order.is_backwards else "ASC"
    column = f"r.{order.column}"
    return f"ORDER BY CASE WHEN {column} IS NULL THEN 1 ELSE 0 END {nulls}, {column} {way}, r.id {way}"


def beyond(order: RunOrder, position: Position | None) -> list[Sql]:
    """Returns the condition of rows behind `position` on the way; rows without a value are at the list's end."""
    if position is None:
        return []
    sign, value, key = "<" if order.is_falling else ">", position[0], position[-1]
    if order.is_by_time:
        return [Sql(f"r.id {sign} %s", (key,))]
    column = f"r.{order.column}"
    if value is None:
        behind_nulls = f" OR {column} IS NOT NULL" if order.is_backwards else ""
        return [Sql(f"(({column} IS NULL AND r.id {sign} %s){behind_nulls})", (key,))]
    nulls = "" if order.is_backwards else f" OR {column} IS NULL"
    return [Sql(f"({column} {sign} %s OR ({column} = %s AND r.id {sign} %s){nulls})", (value, value, key))]
