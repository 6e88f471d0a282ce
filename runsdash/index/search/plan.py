"""Chooses how a list is answered: by scanning an index in order, or by gathering a short range and sorting it.

Near the position where a page starts each index is looked at through a few hundred entries; the one that reaches
farthest is the most selective there. A page therefore costs about the same at any depth and for any filter. Owns the
choice alone: what an index holds stands in `predicates`, how it is read in `scans`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .index_ranges import NO_INDEX, IndexRanges, both, bounds, every_row
from .run_query import KeyPosition, Position, Predicate, RunOrder, RunQuery, ScanResult
from .scans import ColumnScan, KeyScan, Scan, run_scans, sparsest_of
from .sql_pieces import Sql, TookTooLong, all_of, each_row, fetched, joined, stopped_after
from .subjects import Subject
from .time_budget import TimeBudget

COMPOUND = (("status", "model"), ("status", "assistant"))  # what one index holds, see Run.Meta


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
        subject, order = self.run_query.subject, self.order
        row = subject.row
        rows = each_row(index.ids(key_range=self.run_query.key_range, count=cap + 1), subject.table, "id", row)
        where = joined([*self.tests, *beyond(order, position, row)] or [Sql("1 = 1")])
        columns = f"{row}.id" if order.is_by_time else f"{row}.{order.column}, {row}.id"
        text = f"SELECT {columns} FROM {rows.text} WHERE {where.text} {sort_of(order, row)} LIMIT {count}"
        return [order.position(one) for one in fetched(Sql(text, (*rows.params, *where.params)))]


def positions_of(
    run_query: RunQuery, order: RunOrder, start: Position | None, *, count: int, budget: TimeBudget
) -> ScanResult:
    """Finds the first `count` positions behind `start`. When a statement has to be stopped, nothing is found."""
    budget = budget.started()
    try:
        with stopped_after(budget.statement_s):
            return plan_for(run_query, order, start, budget).run(start, count=count, budget=budget)
    except TookTooLong:  # the page says so, and offers to start again from its position
        return ScanResult([], stopped_at=start, is_stopped=True)


def plan_for(run_query: RunQuery, order: RunOrder, position: Position | None, budget: TimeBudget) -> Plan:
    """Returns the cheapest plan for a page behind `position`. Probes each index when there is a choice.

    By time, see `plan_by_time`. By another column, the shortest index is gathered if it is short, else the column's own
    index scanned.
    """
    if order.is_by_time:
        return plan_by_time(run_query, order, position, budget)
    choices, key_range = index_choices(run_query), run_query.key_range
    if not key_range.is_unbounded:
        choices.append(no_choice(run_query.subject))  # the runs of the span of time
    shortest = shortest_of(choices, run_query, cap=budget.gathered)
    return scanning_column(run_query, order) if shortest is None else gathering(run_query, order, shortest)


def plan_by_time(run_query: RunQuery, order: RunOrder, position: Position | None, budget: TimeBudget) -> Plan:
    """Scans the sparsest index in the order of ids, or gathers another one that is short enough."""
    choices = index_choices(run_query)
    by_id = [one for one in choices if one.index.is_by_id]
    not_by_id = [one for one in choices if not one.index.is_by_id]
    if not not_by_id and len(by_id) < 2:
        return scanning(run_query, order, by_id[0] if by_id else no_choice(run_query.subject))
    scans = [KeyScan(one.index, run_query.key_range, order.is_falling) for one in by_id]
    number, is_short = sparsest_of(scans, position, budget.probed)
    sparsest = by_id[number] if by_id else no_choice(run_query.subject)
    if not is_short:
        shortest = shortest_of(not_by_id, run_query, cap=budget.gathered)
        if shortest is not None:
            return gathering(run_query, order, shortest)
    return scanning(run_query, order, sparsest)


# The three ways


def scanning(run_query: RunQuery, order: RunOrder, choice: Predicate) -> Plan:
    scan = KeyScan(choice.index, run_query.key_range, order.is_falling)
    return Plan(run_query, order, run_query.tests(but=choice.answers), scans=[scan])


def gathering(run_query: RunQuery, order: RunOrder, choice: Predicate) -> Plan:
    return Plan(run_query, order, run_query.tests(but=choice.answers), gathered=choice.index)


def scanning_column(run_query: RunQuery, order: RunOrder) -> Plan:
    """Scans the sort's own index, rows without a value last. A span of time is tested.

    A comparison of the same column bounds the scan: then either all of the rows have a value, or none.
    """
    own = [one for one in run_query.predicates if one.index.column == order.column and len(one.index.wheres) == 1][:1]
    subject = run_query.subject
    tests = [*run_query.tests(but=own), *bounds(f"{subject.row}.id", run_query.key_range)]
    bound = own[0].index.wheres[0] if own else None
    filled, empty = (ColumnScan(order.column, is_null, order.is_falling, bound, subject) for is_null in (False, True))
    scans = [empty, filled] if order.is_backwards else [filled, empty]
    if bound:
        scans = [empty if bound.text.endswith("IS NULL") else filled]
    return Plan(run_query, order, tests, scans=scans)


# Indexes that can answer a query


def no_choice(subject: Subject) -> Predicate:
    """Stands for no predicate: all rows are walked and every predicate tested."""
    return Predicate("", Sql("1 = 1"), every_row(subject))


def index_choices(run_query: RunQuery) -> list[Predicate]:
    """Returns the predicates that have an index to read. One of a compound index stands in for its parts."""
    with_index = [one for one in run_query.predicates if one.index is not NO_INDEX]
    choices = [one for one in with_index if not one.has_costly_index or len(run_query.predicates) == 1]
    by_name = {one.name: one for one in choices if one.is_exact}
    for name, other in COMPOUND:
        if name in by_name and other in by_name:
            pair = by_name[name], by_name[other]
            index = both(pair[0].index, pair[1].index)
            if index is not NO_INDEX:
                choices = [one for one in choices if one not in pair]
                condition = all_of([part.condition for part in pair])
                choices.append(Predicate(f"{name} and {other}", condition, index, parts=pair))
    return choices


def exact_index(run_query: RunQuery) -> IndexRanges:
    """Returns ranges in the order of ids that hold just the runs of the query; NO_INDEX when tests are needed."""
    if not run_query.predicates:
        return every_row(run_query.subject)
    choices = [one for one in index_choices(run_query) if one.index.is_by_id]
    exact = [one.index for one in choices if len(one.answers) == len(run_query.predicates)]
    return exact[0] if exact else NO_INDEX


def shortest_of(choices: Sequence[Predicate], run_query: RunQuery, *, cap: int) -> Predicate | None:
    """Returns the choice whose index has the fewest entries, if it has at most `cap`. Counts no further than needed."""
    shortest, fewest = None, cap + 1
    for choice in choices:
        count = choice.index.count(run_query.key_range, cap=fewest - 1)
        if count < fewest:
            shortest, fewest = choice, count
    return shortest


# The order of what was gathered


def sort_of(order: RunOrder, row: str) -> str:
    direction = "DESC" if order.is_falling else "ASC"
    if order.is_by_time:
        return f"ORDER BY {row}.id {direction}"
    nulls = "DESC" if order.is_backwards else "ASC"
    column = f"{row}.{order.column}"
    return f"ORDER BY CASE WHEN {column} IS NULL THEN 1 ELSE 0 END {nulls}, {column} {direction}, {row}.id {direction}"


def beyond(order: RunOrder, position: Position | None, row: str) -> list[Sql]:
    """Returns the condition of rows behind `position` on the way; rows without a value are at the list's end."""
    if position is None:
        return []
    sign, key = "<" if order.is_falling else ">", position.key
    if isinstance(position, KeyPosition):
        return [Sql(f"{row}.id {sign} %s", (key,))]
    column, value = f"{row}.{order.column}", position.value
    if value is None:
        behind_nulls = f" OR {column} IS NOT NULL" if order.is_backwards else ""
        return [Sql(f"(({column} IS NULL AND {row}.id {sign} %s){behind_nulls})", (key,))]
    nulls = "" if order.is_backwards else f" OR {column} IS NULL"
    return [Sql(f"({column} {sign} %s OR ({column} = %s AND {row}.id {sign} %s){nulls})", (value, value, key))]
