"""Chooses how a list is answered: by walking it in order and testing, or by gathering a short index range first.

Near the position where a page starts each source is looked at through a few hundred index entries; the one that reaches
farthest is the most selective there. A page therefore costs about the same at any depth and for any filter.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from . import index_ranges
from .filter_values import KeyRange
from .index_ranges import ALL
from .run_query import Offer, RunQuery, offers
from .scans import (
    Clock,
    KeyScan,
    Limits,
    Position,
    Scan,
    ScanResult,
    ValueScan,
    value_scans,
    walked,
)
from .sql import Sql, each_run, fetched


@dataclass(frozen=True)
class Direction:
    """The order of a list: `column` of index_run or "id", and the way it is read for one page."""

    column: str = "id"
    is_descending: bool = True
    is_backwards: bool = False

    @property
    def is_by_key(self) -> bool:
        return self.column == "id"

    @property
    def is_falling(self) -> bool:
        """Do the values fall along the way it is read?"""
        return self.is_descending != self.is_backwards


@dataclass(frozen=True)
class Plan:
    """`scans` to walk, or `gathered` to read whole; `tests` is what is left to be tested on each run."""

    run_query: RunQuery
    direction: Direction
    tests: Sql | None
    scans: Sequence[Scan] = ()
    gathered: index_ranges.IndexRanges | None = None

    def run(self, position: Position | None, *, count: int, clock: Clock) -> ScanResult:
        if self.gathered is not None:
            return ScanResult(self.sorted_rows(position, count, clock.limits.gathered))
        return walked(list(self.scans), position, tests=self.tests, count=count, clock=clock)

    def sorted_rows(self, position: Position | None, count: int, cap: int) -> list[Position]:
        key_range = self.run_query.key_range
        ids = self.gathered.ids(key_range=key_range, count=cap + 1)
        rows, order = each_run(ids), sort_of(self.direction)
        parts = [part for part in (self.tests, beyond(self.direction, position)) if part is not None]
        where = " AND ".join(part.text for part in parts) or "1 = 1"
        columns = "r.id" if self.direction.is_by_key else f"r.{self.direction.column}, r.id"
        params = rows.params + tuple(param for part in parts for param in part.params)
        return fetched(Sql(f"SELECT {columns} FROM {rows.text} WHERE {where} {order} LIMIT {count}", params))


def plan_for(run_query: RunQuery, direction: Direction, position: Position | None, limits: Limits) -> Plan:
    """The cheapest way. Runs a probe for each source when there is a choice."""
    if direction.is_by_key:
        return plan_by_key(run_query, direction, position, limits)
    found = offers(run_query)
    if not run_query.key_range.is_everything:
        found.append(Offer(index_ranges.of_keys(run_query.key_range), ()))
    shortest = shortest_of(found, run_query.key_range, limits.gathered)
    if shortest is not None:
        return gathering(run_query, direction, shortest)
    return walking_values(run_query, direction)


def plan_by_key(run_query: RunQuery, direction: Direction, position: Position | None, limits: Limits) -> Plan:
    found = offers(run_query)
    ordered = [offer for offer in found if offer.source.is_ordered]
    if not run_query.predicates:
        return walking(run_query, direction, Offer(ALL, ()))
    if len(found) == 1 and ordered:
        return walking(run_query, direction, ordered[0])
    chosen, is_short = sparsest_of(ordered, run_query, direction, position, limits.probed)
    if not is_short:
        unordered = [offer for offer in found if not offer.source.is_ordered]
        shortest = shortest_of(unordered, run_query.key_range, limits.gathered)
        if shortest is not None:
            return gathering(run_query, direction, shortest)
    return walking(run_query, direction, chosen)


def walking(run_query: RunQuery, direction: Direction, offer: Offer) -> Plan:
    scan = KeyScan(offer.source, run_query.key_range, direction.is_falling)
    return Plan(run_query, direction, run_query.tests(but=offer.answers), scans=[scan])


def gathering(run_query: RunQuery, direction: Direction, offer: Offer) -> Plan:
    span = index_ranges.bounds("r.id", run_query.key_range) if not offer.source.is_ordered else []
    tests = run_query.tests(but=offer.answers)
    parts = [part for part in (tests, *span) if part is not None]
    text = " AND ".join(part.text for part in parts)
    joined = Sql(text, tuple(param for part in parts for param in part.params)) if parts else None
    return Plan(run_query, direction, joined, gathered=offer.source)


def walking_values(run_query: RunQuery, direction: Direction) -> Plan:
    """Walks the sort's own index. A comparison of the same column bounds the walk; a span of time is tested."""
    own = [g for g in run_query.predicates if g.column == direction.column and g.source and len(g.source.ranges) == 1]
    tests = run_query.tests(but=own[:1])
    parts = [part for part in (tests, *index_ranges.bounds("r.id", run_query.key_range)) if part is not None]
    joined = Sql(" AND ".join(part.text for part in parts), tuple(p for part in parts for p in part.params))
    scans = value_scans(
        direction.column,
        is_descending=direction.is_descending,
        is_backwards=direction.is_backwards,
        only=own[0].source.ranges[0].where if own else None,
    )
    if own and "IS NULL" not in own[0].condition.text:
        scans = [scan for scan in scans if isinstance(scan, ValueScan) and not scan.is_null]
    return Plan(run_query, direction, joined if parts else None, scans=scans)


# Comparing sources


def shortest_of(found: Sequence[Offer], key_range: KeyRange, cap: int) -> Offer | None:
    """The source with the fewest entries, if it has at most `cap`."""
    best, fewest = None, cap + 1
    for offer in found:
        count = offer.source.count(key_range=key_range, cap=fewest - 1)
        if count < fewest:
            best, fewest = offer, count
    return best


def sparsest_of(
    found: Sequence[Offer], run_query: RunQuery, direction: Direction, position: Position | None, probed: int
) -> tuple[Offer, bool]:
    """The source whose next `probed` entries reach farthest, and whether it ends within them."""
    best, best_reach = Offer(ALL, ()), None
    for offer in found:
        seen, last = KeyScan(offer.source, run_query.key_range, direction.is_falling).chunk(position, probed)
        reach = (0, seen) if seen < probed else (1, last[-1] if direction.is_falling else -last[-1])
        if best_reach is None or reach < best_reach:
            best, best_reach = offer, reach
    return best, best_reach is not None and best_reach[0] == 0


# Orders of what was gathered


def sort_of(direction: Direction) -> str:
    way = "DESC" if direction.is_falling else "ASC"
    if direction.is_by_key:
        return f"ORDER BY r.id {way}"
    nulls = "DESC" if direction.is_backwards else "ASC"
    column = f"r.{direction.column}"
    return f"ORDER BY CASE WHEN {column} IS NULL THEN 1 ELSE 0 END {nulls}, {column} {way}, r.id {way}"


def beyond(direction: Direction, position: Position | None) -> Sql | None:
    """Rows behind `position` in the way the list is read; rows without a value are at its end."""
    if position is None:
        return None
    sign, key = "<" if direction.is_falling else ">", position[-1]
    if direction.is_by_key:
        return Sql(f"r.id {sign} %s", (key,))
    column, value = f"r.{direction.column}", position[0]
    if value is None:
        behind_nulls = f" OR {column} IS NOT NULL" if direction.is_backwards else ""
        return Sql(f"(({column} IS NULL AND r.id {sign} %s){behind_nulls})", (key,))
    nulls = "" if direction.is_backwards else f" OR {column} IS NULL"
    return Sql(f"({column} {sign} %s OR ({column} = %s AND r.id {sign} %s){nulls})", (value, value, key))
