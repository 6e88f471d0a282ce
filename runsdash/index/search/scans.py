"""Tracks: index ranges in the order of a list, walked in bounded chunks. A position on a scan is (id,) or (value, id)."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from .filter_values import KeyRange
from .index_ranges import SHORT, IndexRanges
from .sql import Sql, fetched

LARGEST_CHUNK = 50_000  # index entries looked at by one statement
GROWTH = 4
EVERYTHING = KeyRange()

Position = tuple


class Scan(Protocol):
    least_chunk: int  # entries that cost no more than a few

    def chunk(self, position: Position | None, size: int) -> tuple[int, Position | None]:
        """How many of the next `size` entries behind `position` there are, and where they end."""

    def matches(
        self, position: Position | None, last: Position | None, tests: Sql | None, count: int
    ) -> list[Position]:
        """The first `count` entries behind `position`, up to and with `last`, that pass."""


@dataclass(frozen=True)
class KeyScan:
    """A source in the order of ids."""

    source: IndexRanges
    key_range: KeyRange = EVERYTHING
    is_descending: bool = True

    @property
    def least_chunk(self) -> int:
        """A range that is sorted for each statement is read at once."""
        return SHORT if any(index_range.is_sorted for index_range in self.source.ranges) else 1

    def behind(self, position: Position | None) -> KeyRange:
        if position is None:
            return self.key_range
        return self.key_range & (KeyRange(high=position[-1]) if self.is_descending else KeyRange(low=position[-1] + 1))

    def until(self, last: Position | None) -> KeyRange:
        if last is None:
            return KeyRange()
        return KeyRange(low=last[-1]) if self.is_descending else KeyRange(high=last[-1] + 1)

    def chunk(self, position: Position | None, size: int) -> tuple[int, Position | None]:
        ids = self.source.ids(key_range=self.behind(position), count=size, is_descending=self.is_descending)
        end = "MIN" if self.is_descending else "MAX"
        seen, last = fetched(Sql(f"SELECT COUNT(*), {end}(c.id) FROM ({ids.text}) c", ids.params))[0]
        return seen, None if last is None else (last,)

    def matches(
        self, position: Position | None, last: Position | None, tests: Sql | None, count: int
    ) -> list[Position]:
        key_range = self.behind(position) & self.until(last)
        return fetched(self.source.ids(key_range=key_range, count=count, is_descending=self.is_descending, tests=tests))


@dataclass(frozen=True)
class ValueScan:
    """All runs in the order of an indexed column; `is_null` gives those without a value, in the order of ids."""

    column: str
    is_null: bool = False
    is_descending: bool = True
    only: Sql | None = None  # a condition on the same column, so that the index seeks
    least_chunk: int = 1

    def conditions(self) -> list[Sql]:
        found = [Sql(f"d.{self.column} IS {'' if self.is_null else 'NOT '}NULL")]
        return [*found, self.only] if self.only else found

    def order(self) -> str:
        way = "DESC" if self.is_descending else "ASC"
        return f"ORDER BY d.{self.column} {way}, d.id {way}"

    def side(self, position: Position, *, sign: str, has_end: bool) -> list[Sql]:
        """Entries on one side of a position. The first, redundant condition lets the index seek."""
        value, key = position
        end = "=" if has_end else ""
        if self.is_null:
            return [Sql(f"d.id {sign}{end} %s", (key,))]
        column = f"d.{self.column}"
        return [
            Sql(f"{column} {sign}= %s", (value,)),
            Sql(f"({column} {sign} %s OR d.id {sign}{end} %s)", (value, key)),
        ]

    def between(self, position: Position | None, last: Position | None) -> list[Sql]:
        on, back = ("<", ">") if self.is_descending else (">", "<")
        found = self.side(position, sign=on, has_end=False) if position else []
        return found + (self.side(last, sign=back, has_end=True) if last else [])

    def chunk(self, position: Position | None, size: int) -> tuple[int, Position | None]:
        """Only the end of a full chunk is read; a shorter one has no end."""
        where = [*self.conditions(), *self.between(position, None)]
        found = fetched(self.select(where, f"LIMIT 1 OFFSET {size - 1}"))
        return (size, found[0]) if found else (0, None)

    def matches(
        self, position: Position | None, last: Position | None, tests: Sql | None, count: int
    ) -> list[Position]:
        where = [*self.conditions(), *self.between(position, last)]
        if tests is not None:
            run = f"SELECT 1 FROM index_run r WHERE r.id = d.id AND {tests.text} LIMIT 1 OFFSET 0"
            where.append(Sql(f"EXISTS ({run})", tests.params))
        return fetched(self.select(where, f"LIMIT {count}"))

    def select(self, where: Sequence[Sql], limit: str) -> Sql:
        text = " AND ".join(part.text for part in where)
        params = tuple(param for part in where for param in part.params)
        return Sql(f"SELECT d.{self.column}, d.id FROM index_run d WHERE {text} {self.order()} {limit}", params)


def value_scans(column: str, *, is_descending: bool, is_backwards: bool, only: Sql | None = None) -> list[Scan]:
    """A whole list in the order of a column, rows without a value last."""
    way = is_descending != is_backwards
    filled, empty = ValueScan(column, False, way, only), ValueScan(column, True, way, only)
    return [empty, filled] if is_backwards else [filled, empty]


def behind(scans: list[Scan], position: Position | None) -> list[Scan]:
    """The scans that follow `position`, the one it stands on first."""
    if position is None or len(position) == 1:
        return scans
    is_null = position[0] is None
    return scans[[scan.is_null for scan in scans].index(is_null) :]


@dataclass(frozen=True)
class Limits:
    """How much is looked at for one page."""

    walk_s: float = 0.7  # of walking; what the last statement takes comes on top
    statement_s: float = 0.95  # no statement runs longer
    first_chunk: int = 500  # index entries; later chunks are larger
    probed: int = 500  # index entries looked at to compare sources
    gathered: int = 20_000  # index entries of a range that is read whole and sorted


@dataclass
class Clock:
    """How long a walk may take."""

    limits: Limits
    began: float = field(default_factory=time.monotonic)

    @property
    def left_s(self) -> float:
        return self.limits.walk_s - (time.monotonic() - self.began)

    def next_size(self, size: int, took_s: float) -> int:
        """A larger chunk, yet one that fits into the time left at the speed so far; 0 when none does."""
        speed = size / max(took_s, 1e-4)
        fitting = int(speed * self.left_s * 0.8)
        return 0 if fitting < self.limits.first_chunk else min(size * GROWTH, LARGEST_CHUNK, fitting)


@dataclass(frozen=True)
class ScanResult:
    """Places of what was found, in order. `is_stopped`: its time was over before it came to an end, at `stopped_at`."""

    positions: list[Position]
    stopped_at: Position | None = None
    is_stopped: bool = False


def walked(scans: list[Scan], position: Position | None, *, tests: Sql | None, count: int, clock: Clock) -> ScanResult:
    """The first `count` entries behind `position` that pass. Stops when the clock's time is over."""
    found: list[Position] = []
    for number, scan in enumerate(behind(scans, position)):
        start = position if number == 0 else None
        if tests is None:
            found += scan.matches(start, None, None, count - len(found))
        else:
            part = scan_in_chunks(scan, start, tests=tests, count=count - len(found), clock=clock)
            found += part.positions
            if part.is_stopped:
                return replace(part, positions=found)
        if len(found) >= count:
            break
    return ScanResult(found)


def scan_in_chunks(scan: Scan, position: Position | None, *, tests: Sql, count: int, clock: Clock) -> ScanResult:
    found: list[Position] = []
    size = max(clock.limits.first_chunk, scan.least_chunk)
    while True:
        began = time.monotonic()
        seen, last = scan.chunk(position, size)
        found += scan.matches(position, last if seen == size else None, tests, count - len(found))
        if len(found) >= count or seen < size:
            return ScanResult(found)
        position, size = last, clock.next_size(size, time.monotonic() - began)
        if not size:
            return ScanResult(found, stopped_at=position, is_stopped=True)
