"""Says where the rows of a condition can be read from: ranges of indexes, most in the order of ids.

Owns the form of a statement that reads such ranges, which keeps both engines from walking or sorting all runs. Runs
only probes that look at a bounded number of index entries; which ranges are read is decided in `plan`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product, takewhile

from .filter_values import LARGEST_KEY, KeyRange
from .sql_pieces import Param, Sql, bracketed, estimated_rows, fetched, in_list, is_postgresql, joined, one_of
from .subjects import RUNS, Subject

MAX_RANGES = 40  # read side by side
MAX_THREADS = 5_000  # whose runs are looked up thread by thread
MAX_SORTED = 20_000  # rows that PostgreSQL expects for words: fewer are read by the words and sorted, more walked by id
RUN_METADATA_TABLE, THREAD_METADATA_TABLE = "index_runmetadata", "index_threadmetadata"
TOOLS_TABLE, WORDS_TABLE = "index_runtool", "index_runtext"


@dataclass(frozen=True)
class IndexRanges:
    """Holds ranges of one index of `table`, read side by side; together they have every row of a condition.

    `wheres` speak of `d`; `key` is the column with the id of the subject's row. `column`: what the index is in the
    order of, "id" for that id. `needs_sorting`: the index gives no order, so what fits is sorted; for ranges expected
    to be short. `expected`: rows that PostgreSQL expects of words, which take long to count; 0 where they are counted.
    """

    wheres: tuple[Sql, ...]
    table: str = RUNS.table
    key: str = "id"
    column: str = "id"
    needs_sorting: bool = False
    subject: Subject = RUNS
    expected: int = 0

    @property
    def is_by_id(self) -> bool:
        """Can ids be read in order? Other ranges are only read when they are short."""
        return self.column == "id"

    def ids(self, *, key_range: KeyRange, count: int, is_descending: bool = True, tests: Sequence[Sql] = ()) -> Sql:
        """Returns a query for the first `count` ids in `key_range` that pass, in order."""
        direction = "DESC" if is_descending else "ASC"
        queries = [
            self.ids_in(where, key_range, limit=f"{count}", direction=direction, tests=tests) for where in self.wheres
        ]
        if len(queries) == 1:
            return queries[0]
        union = union_of(queries)
        return Sql(f"SELECT u.id FROM {union.text} u ORDER BY u.id {direction} LIMIT {count}", union.params)

    def ids_in(
        self, where: Sql, key_range: KeyRange, *, limit: str, direction: str = "DESC", tests: Sequence[Sql] = ()
    ) -> Sql:
        """Returns a query for ids of one range."""
        column = f"d.{self.key}"
        # A plus before the column keeps both engines from walking all runs in order instead of this index range;
        # where PostgreSQL shall sort, a bound on the bare column would tempt it, too.
        ordered = column if self.is_by_id and not self.needs_sorting else f"+{column}"
        parts = [where, *bounds(ordered if self.needs_sorting else column, key_range)]
        if tests:
            parts.append(row_passes(self.subject, self.table, column, tests))
        held = joined(parts)
        text = (
            f"SELECT {column} AS id FROM {self.table} d WHERE {held.text} ORDER BY {ordered} {direction} LIMIT {limit}"
        )
        return Sql(text, held.params)

    def entries_in(self, where: Sql, key_range: KeyRange, *, limit: str) -> Sql:
        """Returns a query for entries of one range in its own order, so that PostgreSQL does not walk the table."""
        if self.is_by_id:
            return self.ids_in(where, key_range, limit=limit)
        text = f"SELECT 1 FROM {self.table} d WHERE {where.text} ORDER BY d.{self.column} LIMIT {limit}"
        return Sql(text, where.params)

    def count(self, key_range: KeyRange, *, cap: int) -> int:
        """Counts index entries to `cap` + 1. Runs in two ranges count twice."""
        if self.expected > cap:
            return cap + 1
        total = 0
        for where in self.wheres:
            total += fetched(counting(self.entries_in(where, key_range, limit=f"{cap + 1 - total}")))[0][0]
            if total > cap:
                break
        return total

    def entries_expected(self) -> int:
        """Returns how many entries PostgreSQL expects; 0 on SQLite."""
        if self.expected or not self.wheres or not is_postgresql():
            return self.expected
        ranges = [Sql(f"SELECT 1 FROM {self.table} d WHERE {where.text}", where.params) for where in self.wheres]
        return estimated_rows(joined(ranges, " UNION ALL "))

    def capped_count(self, key_range: KeyRange, *, cap: int) -> Sql:
        """Returns an expression for the number of runs; its value is more than `cap` when there are more.

        First whether one range alone has more, since SQLite skips entries more cheaply than it counts them. PostgreSQL
        does not, and of several ranges it spares to bring them together.
        """
        if is_postgresql() and len(self.wheres) == 1:
            entries = counting(self.ids(key_range=key_range, count=cap + 1))
            return Sql(f"({entries.text})", entries.params)
        beyond = [self.ids_in(where, key_range, limit=f"1 OFFSET {cap}") for where in self.wheres]
        union = union_of([self.ids_in(where, key_range, limit=f"{cap}") for where in self.wheres])
        expressions = [Sql(f"(SELECT {cap + 1} FROM ({one.text}) b)", one.params) for one in beyond]
        expressions.append(Sql(f"(SELECT COUNT(*) FROM {union.text} c)", union.params))
        first = bracketed(expressions, ", ")
        return Sql(f"COALESCE{first.text}", first.params)


@dataclass(frozen=True)
class EitherRanges(IndexRanges):
    """Holds ranges of several tables, read side by side: together they have every row of a condition."""

    parts: tuple[IndexRanges, ...] = ()

    def ids(self, *, key_range: KeyRange, count: int, is_descending: bool = True, tests: Sequence[Sql] = ()) -> Sql:
        read = [
            one.ids(key_range=key_range, count=count, is_descending=is_descending, tests=tests) for one in self.parts
        ]
        union, direction = union_of(read), "DESC" if is_descending else "ASC"
        return Sql(f"SELECT u.id FROM {union.text} u ORDER BY u.id {direction} LIMIT {count}", union.params)

    def count(self, key_range: KeyRange, *, cap: int) -> int:
        return min(cap + 1, sum(one.count(key_range, cap=cap) for one in self.parts))

    def capped_count(self, key_range: KeyRange, *, cap: int) -> Sql:
        entries = counting(self.ids(key_range=key_range, count=cap + 1))
        return Sql(f"({entries.text})", entries.params)


def either_of(*parts: IndexRanges) -> IndexRanges:
    """Finds rows in any of the parts; NO_INDEX when one of them has none."""
    if NO_INDEX in parts:
        return NO_INDEX
    table = next((one.table for one in parts if one.table == WORDS_TABLE), parts[0].table)
    column = "id" if all(one.is_by_id for one in parts) else ""
    needs_sorting = any(one.needs_sorting for one in parts)
    return EitherRanges((), table, column=column, needs_sorting=needs_sorting, subject=parts[0].subject, parts=parts)


def row_passes(subject: Subject, table: str, column: str, tests: Sequence[Sql]) -> Sql:
    """Tests the row whose id is in `column` of `d`, which is of `table`. PostgreSQL need not look its own row up again.

    The OFFSET keeps PostgreSQL from turning this into a join.
    """
    condition, row = joined(tests), subject.row
    if is_postgresql() and table == subject.table:
        found = f"SELECT 1 FROM (SELECT d.*) {row} WHERE {condition.text} LIMIT 1 OFFSET 0"
    else:
        found = f"SELECT 1 FROM {subject.table} {row} WHERE {row}.id = {column} AND {condition.text} LIMIT 1 OFFSET 0"
    return Sql(f"EXISTS ({found})", condition.params)


NO_INDEX = IndexRanges(())  # of a condition that no index answers in bounds


def every_row(subject: Subject) -> IndexRanges:
    return IndexRanges((Sql("1 = 1"),), subject.table, subject=subject)


def counting(query: Sql) -> Sql:
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


def side_by_side(
    wheres: Sequence[Sql], table: str = RUNS.table, key: str = "id", *, column: str = "id", needs_sorting: bool = False
) -> IndexRanges:
    """Returns ranges to read together: NO_INDEX of too many, an empty one of none."""
    if len(wheres) > MAX_RANGES:
        return NO_INDEX
    return IndexRanges(tuple(wheres) or (Sql("1 = 0"),), table, key, column, needs_sorting)


def of_column(column: str, values: Sequence[Param], *, extra: str = "") -> IndexRanges:
    """Finds runs with one of `values` in an indexed column. `extra` repeats the condition of a partial index.

    Too many to be read side by side are one range, in the order of the column.
    """
    if len(values) > MAX_RANGES:
        named = one_of(f"d.{column}", values)
        return IndexRanges((Sql(named.text + extra, named.params),), column=column)
    return side_by_side([Sql(f"d.{column} = %s{extra}", (value,)) for value in values])


def of_other_values(column: str, values: Sequence[str]) -> IndexRanges:
    """Finds runs with any other of the values that the column has now."""
    present = distinct_values(RUNS.table, column, count=MAX_RANGES + len(values) + 1)
    return of_column(column, [value for value in present if value not in values])


def of_threads_with(pair: Sql) -> IndexRanges:
    """Finds runs of the threads with a metadata pair. NO_INDEX of so many that a walk over runs soon meets them."""
    named = f"SELECT d.thread_id FROM {THREAD_METADATA_TABLE} d WHERE {pair.text} LIMIT {MAX_THREADS + 1}"
    keys: list[int] = [key for (key,) in fetched(Sql(named, pair.params))]
    return NO_INDEX if len(keys) > MAX_THREADS else of_thread_keys(keys)


def of_thread_keys(keys: Sequence[int]) -> IndexRanges:
    if len(keys) <= MAX_RANGES:
        return of_column("thread_id", keys)
    return IndexRanges((in_list("d.thread_id", keys),), column="thread_id")


def of_words(phrases: Sequence[str]) -> IndexRanges:
    """Finds runs that have every phrase."""
    if is_postgresql():
        where = words_in_vector(phrases)
        expected = estimated_rows(Sql(f"SELECT 1 FROM {WORDS_TABLE} d WHERE {where.text}", where.params))
        found = side_by_side([where], WORDS_TABLE, "run_id", needs_sorting=expected <= MAX_SORTED)
        return replace(found, expected=expected)
    query = " AND ".join(f'"{phrase}"' for phrase in phrases)
    return side_by_side([Sql("d.index_runtext_fts MATCH %s", (query,))], "index_runtext_fts", "rowid")


def words_in_vector(phrases: Sequence[str]) -> Sql:
    """Looks up words, then phrases in the text of what is left: the vector knows no places of words."""
    words = dict.fromkeys(word for phrase in phrases for word in phrase.split())
    vector = Sql("d.vector @@ %s::tsquery", (" & ".join(f"'{word}'" for word in words),))
    rows = [Sql("strpos(' ' || d.words || ' ', %s) > 0", (f" {phrase} ",)) for phrase in phrases if " " in phrase]
    return joined([vector, *rows])


def both(one: IndexRanges, other: IndexRanges) -> IndexRanges:
    """Finds runs in both, where one index holds both columns; NO_INDEX when that makes too many ranges."""
    if not (one.is_by_id and other.is_by_id):
        return NO_INDEX
    return side_by_side([joined(pair) for pair in product(one.wheres, other.wheres)])
