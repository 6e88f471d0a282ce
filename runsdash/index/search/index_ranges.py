"""Says where the runs of a condition can be read from: ranges of indexes, most in the order of run ids.

Owns the form of a statement that reads such ranges, which keeps both engines from walking or sorting all runs. Runs
only probes that look at a bounded number of index entries; which ranges are read is decided in `plan`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product, takewhile

from .filter_values import LARGEST_KEY, KeyRange
from .sql import Param, Sql, bracketed, estimated_rows, fetched, is_postgresql, joined

MAX_RANGES = 40  # read side by side
MAX_SORTED = 20_000  # rows that PostgreSQL expects for words: fewer are read by the words and sorted, more walked by id
RUN, METADATA, TOOL, WORDS = "index_run", "index_runmetadata", "index_runtool", "index_runtext"


@dataclass(frozen=True)
class IndexRange:
    """Names one range of an index of `table`; `key` is its column with the run's id, `where` speaks of `d`.

    `column`: what the index is in the order of, "id" for the run's id.
    `is_sorted`: the index gives no order, so what fits is sorted; only for ranges expected to be short.
    """

    where: Sql
    table: str = RUN
    key: str = "id"
    column: str = "id"
    is_sorted: bool = False

    def ids(self, key_range: KeyRange, *, limit: str, way: str = "DESC", tests: Sequence[Sql] = ()) -> Sql:
        """Returns a query for ids in `key_range` that pass, in order."""
        column = f"d.{self.key}"
        # A plus before the column keeps both engines from walking all runs in order instead of this index range;
        # where PostgreSQL shall sort, a bound on the bare column would tempt it, too.
        ordered = column if self.column == "id" and not self.is_sorted else f"+{column}"
        parts = [self.where, *bounds(ordered if self.is_sorted else column, key_range)]
        if tests:
            parts.append(run_passes(column, tests))
        where = joined(parts)
        text = f"SELECT {column} AS id FROM {self.table} d WHERE {where.text} ORDER BY {ordered} {way} LIMIT {limit}"
        return Sql(text, where.params)

    def entries(self, key_range: KeyRange, *, limit: str) -> Sql:
        """Returns a query for index entries in the index's own order, so that PostgreSQL does not walk the table."""
        if self.column == "id":
            return self.ids(key_range, limit=limit)
        text = f"SELECT 1 FROM {self.table} d WHERE {self.where.text} ORDER BY d.{self.column} LIMIT {limit}"
        return Sql(text, self.where.params)


@dataclass(frozen=True)
class IndexRanges:
    """Holds ranges that are read side by side; together they have every run of a condition."""

    ranges: tuple[IndexRange, ...]

    @property
    def is_by_id(self) -> bool:
        """Can ids be read in order? Other ranges are only read when they are short."""
        return all(one.column == "id" for one in self.ranges)

    def ids(self, *, key_range: KeyRange, count: int, is_descending: bool = True, tests: Sequence[Sql] = ()) -> Sql:
        """Returns a query for the first `count` ids in `key_range` that pass, in order."""
        way = "DESC" if is_descending else "ASC"
        queries = [one.ids(key_range, limit=f"{count}", way=way, tests=tests) for one in self.ranges]
        if len(queries) == 1:
            return queries[0]
        union = union_of(queries)
        return Sql(f"SELECT u.id FROM {union.text} u ORDER BY u.id {way} LIMIT {count}", union.params)

    def count(self, key_range: KeyRange, *, cap: int) -> int:
        """Counts index entries to `cap` + 1. Runs in two ranges count twice."""
        total = 0
        for one in self.ranges:
            total += fetched(count_of(one.entries(key_range, limit=f"{cap + 1 - total}")))[0][0]
            if total > cap:
                break
        return total

    def capped_count(self, key_range: KeyRange, *, cap: int) -> Sql:
        """Returns an expression for the number of runs; its value is more than `cap` when there are more.

        First whether one range alone has more, since SQLite skips entries more cheaply than it counts them. PostgreSQL
        does not, and of several ranges it spares to bring them together.
        """
        if is_postgresql() and len(self.ranges) == 1:
            entries = count_of(self.ranges[0].ids(key_range, limit=f"{cap + 1}"))
            return Sql(f"({entries.text})", entries.params)
        beyond = [one.ids(key_range, limit=f"1 OFFSET {cap}") for one in self.ranges]
        union = union_of([one.ids(key_range, limit=f"{cap}") for one in self.ranges])
        expressions = [Sql(f"(SELECT {cap + 1} FROM ({one.text}) b)", one.params) for one in beyond]
        expressions.append(Sql(f"(SELECT COUNT(*) FROM {union.text} c)", union.params))
        first = bracketed(expressions, ", ")
        return Sql(f"COALESCE{first.text}", first.params)


def run_passes(column: str, tests: Sequence[Sql]) -> Sql:
    """Tests the run whose id is in `column`. The OFFSET keeps PostgreSQL from turning this into a join."""
    condition = joined(tests)
    run = f"SELECT 1 FROM index_run r WHERE r.id = {column} AND {condition.text} LIMIT 1 OFFSET 0"
    return Sql(f"EXISTS ({run})", condition.params)


NO_INDEX = IndexRanges(())  # of a condition that no index answers in bounds
EVERY_RUN = IndexRanges((IndexRange(Sql("1 = 1")),))


def count_of(query: Sql) -> Sql:
    return Sql(f"SELECT COUNT(*) FROM ({query.text}) c", query.params)


def union_of(queries: Sequence[Sql]) -> Sql:
    """Returns a query in brackets that gives each id of several once."""
    if len(queries) == 1:
        return Sql(f"({queries[0].text})", queries[0].params)
    parts = [Sql(f"SELECT a{number}.id FROM ({one.text}) a{number}", one.params) for number, one in enumerate(queries)]
    return bracketed(parts, " UNION ")


def bounds(column: str, key_range: KeyRange) -> list[Sql]:
    """Returns the conditions that keep ids in `key_range`."""
    ends = (">=", key_range.low, 0), ("<", key_range.high, LARGEST_KEY)
    return [Sql(f"{column} {sign} %s", (key,)) for sign, key, unbounded in ends if key != unbounded]


def distinct_values(table: str, column: str, *, count: int, prefix: str = "", where: Sql | None = None) -> list[str]:
    """Lists at most `count` values that begin with `prefix`, in order: one statement, a few seeks for each.

    It hops in the index from one value to the next. `where` fixes the columns before it in the index. Names of tables
    and columns are constants of ours, never what somebody typed.
    """
    hop = f"SELECT MIN(d.{column}) FROM {table} d WHERE {f'{where.text} AND ' if where else ''}d.{column}"
    params = where.params if where else ()
    text = (
        f"WITH RECURSIVE v(value) AS ({hop} >= %s UNION ALL SELECT ({hop} > v.value) FROM v WHERE v.value IS NOT NULL)"
        f" SELECT v.value FROM v WHERE v.value IS NOT NULL LIMIT {count}"
    )
    values = (value for (value,) in fetched(Sql(text, (*params, prefix, *params))))
    return list(takewhile(lambda value: value.startswith(prefix), values))


# Ranges of one condition each


def side_by_side(ranges: Sequence[IndexRange]) -> IndexRanges:
    """Returns ranges to read together: NO_INDEX of too many, an empty one of none."""
    return IndexRanges(tuple(ranges) or (IndexRange(Sql("1 = 0")),)) if len(ranges) <= MAX_RANGES else NO_INDEX


def of_column(column: str, values: Sequence[Param], *, extra: str = "") -> IndexRanges:
    """Finds runs with one of `values` in an indexed column. `extra` repeats the condition of a partial index."""
    return side_by_side([IndexRange(Sql(f"d.{column} = %s{extra}", (value,))) for value in values])


def of_other_values(column: str, values: Sequence[str]) -> IndexRanges:
    """Finds runs with any other of the values that the column has now."""
    present = distinct_values(RUN, column, count=MAX_RANGES + len(values) + 1)
    return of_column(column, [value for value in present if value not in values])


def of_metadata(key: str, values: Sequence[str]) -> IndexRanges:
    pairs = [Sql("d.key = %s AND d.value = %s", (key, value)) for value in values]
    return side_by_side([IndexRange(pair, METADATA, "run_id") for pair in pairs])


def of_tools(names: Sequence[str]) -> IndexRanges:
    return side_by_side([IndexRange(Sql("d.name = %s", (name,)), TOOL, "run_id") for name in names])


def of_words(phrases: Sequence[str]) -> IndexRanges:
    """Finds runs that have every phrase."""
    if is_postgresql():
        where = words_in_vector(phrases)
        is_short = estimated_rows(Sql(f"SELECT 1 FROM {WORDS} d WHERE {where.text}", where.params)) <= MAX_SORTED
        return IndexRanges((IndexRange(where, WORDS, "run_id", is_sorted=is_short),))
    query = " AND ".join(f'"{phrase}"' for phrase in phrases)
    return IndexRanges((IndexRange(Sql("d.index_runtext_fts MATCH %s", (query,)), "index_runtext_fts", "rowid"),))


def words_in_vector(phrases: Sequence[str]) -> Sql:
    """Looks up words, then phrases in the text of what is left: the vector knows no places of words."""
    words = dict.fromkeys(word for phrase in phrases for word in phrase.split())
    vector = Sql("d.vector @@ %s::tsquery", (" & ".join(f"'{word}'" for word in words),))
    rows = [Sql("strpos(' ' || d.words || ' ', %s) > 0", (f" {phrase} ",)) for phrase in phrases if " " in phrase]
    return joined([vector, *rows])


def of_key_range(key_range: KeyRange) -> IndexRanges:
    """Finds runs created in a span of time."""
    return IndexRanges((IndexRange(joined(bounds("d.id", key_range))),))


def both(one: IndexRanges, other: IndexRanges) -> IndexRanges:
    """Finds runs in both, where one index holds both columns; NO_INDEX when that makes too many ranges."""
    return side_by_side([IndexRange(joined([a.where, b.where])) for a, b in product(one.ranges, other.ranges)])
