"""Where runs that fit a clause can be read from: ranges of indexes, most of them in the order of run ids.

Builds statements, runs only probes that look at a bounded number of index entries.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from .distinct_values import values_of
from .filter_values import KeyRange
from .sql import Sql, estimated_rows, fetched, is_postgresql, joined

MAX_RANGES = 40  # index ranges read side by side
SHORT = 20_000  # rows that PostgreSQL expects for words: fewer are read by the words and sorted, more walked by id
RUN, METADATA, TOOL, WORDS = "index_run", "index_runmetadata", "index_runtool", "index_runtext"


@dataclass(frozen=True)
class IndexRange:
    """One range of an index of `table`; `key` is its column with the run's id, `where` speaks of `d`.

    `is_sorted`: the index does not give ids in order, so what fits is sorted; only for ranges expected to be short.
    `column`: what the index of an unordered source is on.
    """

    where: Sql
    table: str = RUN
    key: str = "id"
    is_sorted: bool = False
    column: str = "id"


@dataclass(frozen=True)
class IndexRanges:
    """Arms read side by side. Not ordered: an index range that is not in the order of ids; only short ones are read."""

    ranges: tuple[IndexRange, ...]
    is_ordered: bool = True

    def ids(self, *, key_range: KeyRange, count: int, is_descending: bool = True, tests: Sql | None = None) -> Sql:
        """The first `count` ids of those in `key_range`, in order."""
        direction = "DESC" if is_descending else "ASC"
        ranges = [
            self.range_ids(index_range, key_range=key_range, limit=f"{count}", direction=direction, tests=tests)
            for index_range in self.ranges
        ]
        if len(ranges) == 1:
            return ranges[0]
        union = joined_ids(ranges)
        return Sql(f"SELECT u.id FROM {union.text} u ORDER BY u.id {direction} LIMIT {count}", union.params)

    def range_ids(
        self,
        index_range: IndexRange,
        *,
        key_range: KeyRange,
        limit: str,
        direction: str = "DESC",
        tests: Sql | None = None,
    ) -> Sql:
        column = f"d.{index_range.key}"
        # A plus before the column keeps both engines from walking all runs in order instead of this index range;
        # where PostgreSQL shall sort, a bound on the bare column would tempt it, too.
        ordered = f"{'' if self.is_ordered and not index_range.is_sorted else '+'}{column}"
        parts = [index_range.where, *bounds(ordered if index_range.is_sorted else column, key_range)]
        if tests is not None:  # the OFFSET keeps PostgreSQL from turning this into a join
            run = f"SELECT 1 FROM index_run r WHERE r.id = {column} AND {tests.text} LIMIT 1 OFFSET 0"
            parts.append(Sql(f"EXISTS ({run})", tests.params))
        where = " AND ".join(part.text for part in parts)
        text = f"SELECT {column} AS id FROM {index_range.table} d WHERE {where} ORDER BY {ordered} {direction} LIMIT {limit}"
        return Sql(text, tuple(param for part in parts for param in part.params))

    def count(self, *, key_range: KeyRange, cap: int) -> int:
        """How many index entries there are, counted to `cap` + 1. Runs in two ranges count twice."""
        total = 0
        for index_range in self.ranges:
            # Asked for in the order of the index, so that PostgreSQL does not walk the table instead.
            if self.is_ordered:
                inner = self.range_ids(index_range, key_range=key_range, limit=f"{cap + 1 - total}")
            else:
                text = f"SELECT 1 FROM {index_range.table} d WHERE {index_range.where.text} ORDER BY d.{index_range.column} LIMIT {cap + 1 - total}"
                inner = Sql(text, index_range.where.params)
            total += fetched(Sql(f"SELECT COUNT(*) FROM ({inner.text}) c", inner.params))[0][0]
            if total > cap:
                break
        return total

    def capped_count(self, *, key_range: KeyRange, cap: int) -> Sql:
        """An expression: how many runs there are, more than `cap` when it is more.

        First whether one range alone has more, since SQLite skips entries more cheaply than it counts them. PostgreSQL does
        not, and of several ranges it spares to bring them together.
        """
        if is_postgresql() and len(self.ranges) == 1:
            (index_range,) = self.ranges
            entries = self.range_ids(index_range, key_range=key_range, limit=f"{cap + 1}")
            return Sql(f"(SELECT COUNT(*) FROM ({entries.text}) c)", entries.params)
        beyond = [
            self.range_ids(index_range, key_range=key_range, limit=f"1 OFFSET {cap}") for index_range in self.ranges
        ]
        tries = [Sql(f"(SELECT {cap + 1} FROM ({one.text}) b)", one.params) for one in beyond]
        entries = joined_ids(
            [self.range_ids(index_range, key_range=key_range, limit=f"{cap}") for index_range in self.ranges]
        )
        all_tries = joined([*tries, Sql(f"(SELECT COUNT(*) FROM {entries.text} c)", entries.params)], ", ")
        return Sql(f"COALESCE{all_tries.text}", all_tries.params)


def joined_ids(ranges: Sequence[Sql]) -> Sql:
    """Each id once, in brackets."""
    parts = [
        Sql(f"SELECT a{place}.id FROM ({index_range.text}) a{place}", index_range.params)
        for place, index_range in enumerate(ranges)
    ]
    return joined(parts, " UNION ") if len(parts) > 1 else Sql(f"({ranges[0].text})", ranges[0].params)


ALL = IndexRanges((IndexRange(Sql("1 = 1")),))


def bounds(column: str, key_range: KeyRange) -> list[Sql]:
    found = []
    if key_range.low > KeyRange().low:
        found.append(Sql(f"{column} >= %s", (key_range.low,)))
    if key_range.high < KeyRange().high:
        found.append(Sql(f"{column} < %s", (key_range.high,)))
    return found


def of_column(column: str, values: Sequence[object], *, extra: str = "") -> IndexRanges | None:
    """Runs with one of `values` in an indexed column. `extra` repeats the condition of a partial index."""
    return ranges_of([IndexRange(Sql(f"d.{column} = %s{extra}", (value,))) for value in values])


def of_other_values(column: str, values: Sequence[str]) -> IndexRanges | None:
    """Runs with any other of the values that the column has now."""
    found = values_of(RUN, column, count=MAX_RANGES + len(values) + 1)
    return of_column(column, [value for value in found if value not in values])


def of_metadata(key: str, values: Sequence[str]) -> IndexRanges | None:
    pair = "d.key = %s AND d.value = %s"
    return ranges_of([IndexRange(Sql(pair, (key, value)), METADATA, "run_id") for value in values])


def of_tools(names: Sequence[str]) -> IndexRanges | None:
    return ranges_of([IndexRange(Sql("d.name = %s", (name,)), TOOL, "run_id") for name in names])


def of_words(phrases: Sequence[str]) -> IndexRanges:
    """Runs that hold every phrase."""
    if is_postgresql():
        found = words_in_vector(phrases)
        is_short = estimated_rows(Sql(f"SELECT 1 FROM {WORDS} d WHERE {found.text}", found.params)) <= SHORT
        return IndexRanges((IndexRange(found, WORDS, "run_id", is_sorted=is_short),))
    asked = " AND ".join(f'"{phrase}"' for phrase in phrases)
    return IndexRanges((IndexRange(Sql("d.index_runtext_fts MATCH %s", (asked,)), "index_runtext_fts", "rowid"),))


def words_in_vector(phrases: Sequence[str]) -> Sql:
    """The vector knows words without positions, so phrases are looked up in the text of what is left."""
    words = dict.fromkeys(word for phrase in phrases for word in phrase.split())
    asked = " & ".join(f"'{word}'" for word in words)
    parts = ["d.vector @@ %s::tsquery"]
    rows = [f" {phrase} " for phrase in phrases if " " in phrase]
    parts += ["strpos(' ' || d.words || ' ', %s) > 0"] * len(rows)
    return Sql(" AND ".join(parts), (asked, *rows))


def of_keys(key_range: KeyRange) -> IndexRanges:
    """Runs created in a span of time, as something to be counted."""
    return IndexRanges((IndexRange(Sql(" AND ".join(part.text for part in bounds("d.id", key_range)),
                           tuple(param for part in bounds("d.id", key_range) for param in part.params))),))  # fmt: skip


def both(one: IndexRanges, other: IndexRanges) -> IndexRanges | None:
    """Runs in both, where one index holds both columns; None when that makes too many ranges."""
    pairs = list(product(one.ranges, other.ranges))
    ranges = [IndexRange(Sql(f"{a.where.text} AND {b.where.text}", a.where.params + b.where.params)) for a, b in pairs]
    return ranges_of(ranges)


def ranges_of(ranges: list[IndexRange]) -> IndexRanges | None:
    """None when there are too many ranges to read; without any, a source that is empty."""
    return IndexRanges(tuple(ranges) or (IndexRange(Sql("1 = 0")),)) if len(ranges) <= MAX_RANGES else None
