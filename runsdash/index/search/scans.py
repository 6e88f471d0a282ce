"""Scans index ranges in the order of a list, in chunks of bounded size, from a position on.

Owns the two ways of reading in order: by the id in ranges of any index, or by the index of a column. Which of
them answers a query is decided in `plan`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import dropwhile
from time import monotonic
from typing import ClassVar

from .filter_values import KeyRange
from .index_ranges import MAX_SORTED, IndexRanges, row_passes
from .run_query import KeyPosition, Position, ScanResult, ValuePosition
from .sql_pieces import Sql, fetched, joined
from .subjects import RUNS, Subject
from .time_budget import TimeBudget

Chunk = tuple[int, Position | None]  # how many entries it has, and where a full one ends


@dataclass(frozen=True)
class KeyScan:
    """Reads index ranges in the order of ids."""

    index: IndexRanges
    key_range: KeyRange
    is_descending: bool = True

    @property
    def least_chunk(self) -> int:
        """A range that is sorted for each statement is read at once."""
        return MAX_SORTED if self.index.needs_sorting else 1

    def behind(self, position: Position | None, last: Position | None = None) -> KeyRange:
        """Returns the keys behind `position`, up to and with `last`."""
        keys = self.key_range
        if position is not None:
            keys &= KeyRange(high=position.key) if self.is_descending else KeyRange(low=position.key + 1)
        if last is not None:
            keys &= KeyRange(low=last.key) if self.is_descending else KeyRange(high=last.key + 1)
        return keys

    def chunk(self, position: Position | None, size: int) -> Chunk:
        """Looks at the next `size` entries behind `position`."""
        ids = self.index.ids(key_range=self.behind(position), count=size, is_descending=self.is_descending)
        end = "MIN" if self.is_descending else "MAX"
        seen, last = fetched(Sql(f"SELECT COUNT(*), {end}(c.id) FROM ({ids.text}) c", ids.params))[0]
        return seen, None if last is None else KeyPosition(last)

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
        ids = fetched(self.matching_ids(position, last, tests=tests, count=count))
        return [KeyPosition(key) for (key,) in ids]


@dataclass(frozen=True)
class ColumnScan:
    """Reads all rows in the order of an indexed column; `is_null` those without a value, in the order of ids."""

    least_chunk: ClassVar[int] = 1

    column: str
    is_null: bool = False
    is_descending: bool = True
    bound: Sql | None = None  # a condition on the same column, so that the index seeks
    subject: Subject = RUNS

    def chunk(self, position: Position | None, size: int) -> Chunk:
        """Looks for the end of the next `size` entries; a shorter chunk is neither counted nor has an end."""
        ends = fetched(self.entries(self.between(position, None), f"LIMIT 1 OFFSET {size - 1}"))
        return (size, ValuePosition(*ends[0])) if ends else (0, None)

    def matches(
        self, position: Position | None, last: Position | None, *, tests: Sequence[Sql], count: int
    ) -> list[Position]:
        where = self.between(position, last)
        if tests:
            where.append(row_passes(self.subject, self.subject.table, "d.id", tests))
        return [ValuePosition(*entry) for entry in fetched(self.entries(where, f"LIMIT {count}"))]

    def entries(self, conditions: Sequence[Sql], limit: str) -> Sql:
        own = [Sql(f"d.{self.column} IS {'' if self.is_null else 'NOT '}NULL"), *([self.bound] if self.bound else [])]
        where, direction = joined([*own, *conditions]), "DESC" if self.is_descending else "ASC"
        order = f"ORDER BY d.{self.column} {direction}, d.id {direction}"
        text = f"SELECT d.{self.column}, d.id FROM {self.subject.table} d WHERE {where.text} {order} {limit}"
        return Sql(text, where.params)

    def between(self, position: Position | None, last: Position | None) -> list[Sql]:
        on, back = ("<", ">") if self.is_descending else (">", "<")
        return [
            *(self.side(position, sign=on, end=on) if position else []),
            *(self.side(last, sign=back, end=f"{back}=") if last else []),
        ]

    def side(self, position: Position, *, sign: str, end: str) -> list[Sql]:
        """Bounds entries on one side of a position. The first, redundant condition lets the index seek."""
        if self.is_null or isinstance(position, KeyPosition):
            return [Sql(f"d.id {end} %s", (position.key,))]
        column = f"d.{self.column}"
        return [
            Sql(f"{column} {sign}= %s", (position.value,)),
            Sql(f"({column} {sign} %s OR d.id {end} %s)", tuple(position)),
        ]


Scan = KeyScan | ColumnScan


# Walking


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
    if not isinstance(position, ValuePosition):
        return scans
    is_null = position.value is None
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
        seen, last = scan.chunk(position, size)
        is_full = seen == size
        positions += scan.matches(position, last if is_full else None, tests=tests, count=count - len(positions))
        if len(positions) >= count or not is_full:
            return ScanResult(positions)
        position, size = last, budget.next_chunk(size, monotonic() - began)
        if not size:
            return ScanResult(positions, stopped_at=position, is_stopped=True)


# Comparing


def sparsest_of(scans: Sequence[KeyScan], position: Position | None, probed: int) -> tuple[int, bool]:
    """Returns the number of the scan with the fewest runs near `position`, and whether it ends within `probed` entries.

    Each is asked for its next `probed` entries. One that has fewer left beats those that go on, and the fewest win. Of
    those that go on, the one whose last entry is farthest away has its entries farthest apart. The first of equals
    wins. Of no scans: 0, False.
    """

    def density(scan: KeyScan) -> tuple[bool, int]:
        """What is smaller is sparser."""
        seen, last = scan.chunk(position, probed)
        if last is None or seen < probed:
            return False, seen
        return True, last.key if scan.is_descending else -last.key

    densities = [density(one) for one in scans]
    if not densities:
        return 0, False
    goes_on, _ = sparsest = min(densities)
    return densities.index(sparsest), not goes_on
