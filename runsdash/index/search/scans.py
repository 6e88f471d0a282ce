"""Scans index ranges in the order of a list, in chunks of bounded size, from a position on.

Owns orders, positions and the two ways of reading in order: by the run's id in ranges of any index, or by the index of
a column. Which of them answers a query is decided in `plan`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import dropwhile
from time import monotonic
from typing import ClassVar, NamedTuple

from .filter_values import KeyRange
from .index_ranges import MAX_SORTED, IndexRanges, run_passes
from .sql import Sql, fetched, joined
from .time_budget import TimeBudget

# What a list can be sorted by, and its column. All have an index with the id behind it.
SORTS = {
    "created_at": "id", "started_at": "id", "queue": "queue_s", "duration": "duration_s", "tokens": "total_tokens",
    "cost": "cost", "steps": "step_count",
}  # fmt: skip
# Where a row stands in a list: (id,) in one by time, else (value, id).
Position = tuple[int] | tuple[float | None, int]


@dataclass(frozen=True)
class RunOrder:
    """Names the order of a list: one of SORTS and its direction. `is_backwards`: it is read from its end."""

    sort: str = "created_at"
    is_descending: bool = True
    is_backwards: bool = False

    @property
    def column(self) -> str:
        return SORTS[self.sort]

    @property
    def is_by_time(self) -> bool:
        return self.column == "id"

    @property
    def is_falling(self) -> bool:
        """Do the values fall along the way it is read?"""
        return self.is_descending != self.is_backwards


class Chunk(NamedTuple):
    """Says how many entries a chunk has, and where it ends if it is full."""

    seen: int
    last: Position | None


@dataclass(frozen=True)
class KeyScan:
    """Reads index ranges in the order of ids."""

    index: IndexRanges
    key_range: KeyRange
    is_descending: bool = True

    @property
    def least_chunk(self) -> int:
        """A range that is sorted for each statement is read at once."""
        return MAX_SORTED if any(one.is_sorted for one in self.index.ranges) else 1

    def behind(self, position: Position | None, last: Position | None = None) -> KeyRange:
        """Returns the keys behind `position`, up to and with `last`."""
        keys = self.key_range
        if position is not None:
            keys &= KeyRange(high=position[-1]) if self.is_descending else KeyRange(low=position[-1] + 1)
        if last is not None:
            keys &= KeyRange(low=last[-1]) if self.is_descending else KeyRange(high=last[-1] + 1)
        return keys

    def chunk(self, position: Position | None, size: int) -> Chunk:
        """Looks at the next `size` entries behind `position`."""
        ids = self.index.ids(key_range=self.behind(position), count=size, is_descending=self.is_descending)
        end = "MIN" if self.is_descending else "MAX"
        seen, last = fetched(Sql(f"SELECT COUNT(*), {end}(c.id) FROM ({ids.text}) c", ids.params))[0]
        return Chunk(seen, None if last is None else (last,))

    def matching_ids(
        self, position: Position | None, last: Position | None, *, tests: Sequence[Sql], count: int
    ) -> Sql:
        """Returns a query for the first `count` ids behind `position`, up to and with `last`, that pass."""
        keys = self.behind(position, last)
        return self.index.ids(key_range=keys, count=count, is_descending=self.is_descending, tests=tests)

    def matches(
        self, position: Position | None, last: Position | None, *, tests: Sequence[Sql], count: int
    ) -> list[Position]:
        """Returns the first `count` positions behind `position`, up to and with `last`, that pass."""
        return fetched(self.matching_ids(position, last, tests=tests, count=count))


@dataclass(frozen=True)
class ColumnScan:
    """Reads all runs in the order of an indexed column; `is_null` those without a value, in the order of ids."""

    least_chunk: ClassVar[int] = 1

    column: str
    is_null: bool = False
    is_descending: bool = True
    bound: Sql | None = None  # a condition on the same column, so that the index seeks

    def chunk(self, position: Position | None, size: int) -> Chunk:
        """Looks for the end of the next `size` entries; a shorter chunk is neither counted nor has an end."""
        ends = fetched(self.entries(self.between(position, None), f"LIMIT 1 OFFSET {size - 1}"))
        return Chunk(size, ends[0]) if ends else Chunk(0, None)

    def matches(
        self, position: Position | None, last: Position | None, *, tests: Sequence[Sql], count: int
    ) -> list[Position]:
        where = self.between(position, last)
        if tests:
            where.append(run_passes("d.id", tests))
        return fetched(self.entries(where, f"LIMIT {count}"))

    def entries(self, conditions: Sequence[Sql], limit: str) -> Sql:
        own = [Sql(f"d.{self.column} IS {'' if self.is_null else 'NOT '}NULL"), *([self.bound] if self.bound else [])]
        where, way = joined([*own, *conditions]), "DESC" if self.is_descending else "ASC"
        order = f"ORDER BY d.{self.column} {way}, d.id {way}"
        return Sql(f"SELECT d.{self.column}, d.id FROM index_run d WHERE {where.text} {order} {limit}", where.params)

    def between(self, position: Position | None, last: Position | None) -> list[Sql]:
        on, back = ("<", ">") if self.is_descending else (">", "<")
        return [
            *(self.side(position, sign=on, end=on) if position else []),
            *(self.side(last, sign=back, end=f"{back}=") if last else []),
        ]

    def side(self, position: Position, *, sign: str, end: str) -> list[Sql]:
        """Bounds entries on one side of a position. The first, redundant condition lets the index seek."""
        value, key = position[0], position[-1]
        if self.is_null:
            return [Sql(f"d.id {end} %s", (key,))]
        column = f"d.{self.column}"
        return [
            Sql(f"{column} {sign}= %s", (value,)),
            Sql(f"({column} {sign} %s OR d.id {end} %s)", (value, key)),
        ]


Scan = KeyScan | ColumnScan


def column_scans(order: RunOrder, *, bound: Sql | None = None) -> list[Scan]:
    """Returns the scans of a whole list in the order of a column, rows without a value last."""
    filled, empty = (ColumnScan(order.column, is_null, order.is_falling, bound) for is_null in (False, True))
    return [empty, filled] if order.is_backwards else [filled, empty]


# Walking


@dataclass(frozen=True)
class ScanResult:
    """Holds positions in order. `is_stopped`: the time was over before the end of the list, at `stopped_at`."""

    positions: list[Position]
    stopped_at: Position | None = None
    is_stopped: bool = False


def run_scans(
    scans: Sequence[Scan], position: Position | None, *, tests: Sequence[Sql], count: int, budget: TimeBudget
) -> ScanResult:
    """Walks scans in turn to the first `count` entries behind `position` that pass, or until time is over."""
    positions: list[Position] = []
    for scan in scans_from(scans, position):
        part = run_scan(scan, position, tests=tests, count=count - len(positions), budget=budget)
        positions += part.positions
        if part.is_stopped or len(positions) >= count:
            return ScanResult(positions, part.stopped_at, part.is_stopped)
        position = None  # the next scan begins at its start
    return ScanResult(positions)


def scans_from(scans: Sequence[Scan], position: Position | None) -> Sequence[Scan]:
    """Leaves out the scans ahead of the one that `position` stands on."""
    if position is None or len(position) == 1:
        return scans
    is_null = position[0] is None
    return list(dropwhile(lambda scan: isinstance(scan, ColumnScan) and scan.is_null != is_null, scans))


def run_scan(
    scan: Scan, position: Position | None, *, tests: Sequence[Sql], count: int, budget: TimeBudget
) -> ScanResult:
    """Walks one scan: at once without tests, else in chunks that grow while time is left."""
    if not tests:
        return ScanResult(scan.matches(position, None, tests=(), count=count))
    positions: list[Position] = []
    size = max(budget.first_chunk, scan.least_chunk)
    while True:
        began = monotonic()
        chunk = scan.chunk(position, size)
        is_full = chunk.seen == size
        positions += scan.matches(position, chunk.last if is_full else None, tests=tests, count=count - len(positions))
        if len(positions) >= count or not is_full:
            return ScanResult(positions)
        position, size = chunk.last, budget.next_chunk(size, monotonic() - began)
        if not size:
            return ScanResult(positions, stopped_at=position, is_stopped=True)
