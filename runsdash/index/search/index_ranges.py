"""Where runs that fit a clause can be read from: ranges of indexes, most of them in the order of run ids.

Builds statements, runs only probes that look at a bounded number of index entries.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from .distinct_values import values_of
from .filter_values import Keys
from .sql import Sql, estimated_rows, fetched, is_postgresql, joined

MAX_ARMS = 40  # index ranges read side by side
SHORT = 20_000  # rows that PostgreSQL expects for words: fewer are read by the words and sorted, more walked by id
RUN, METADATA, TOOL, WORDS = "index_run", "index_runmetadata", "index_runtool", "index_runtext"


@dataclass(frozen=True)
class Arm:
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
class Source:
    """Arms read side by side. Not ordered: an index range that is not in the order of ids; only short ones are read."""

    arms: tuple[Arm, ...]
    is_ordered: bool = True

    def ids(self, *, keys: Keys, count: int, is_descending: bool = True, tests: Sql | None = None) -> Sql:
        """The first `count` ids of those in `keys`, in order."""
        direction = "DESC" if is_descending else "ASC"
        arms = [self.arm_ids(arm, keys=keys, limit=f"{count}", direction=direction, tests=tests) for arm in self.arms]
        if len(arms) == 1:
            return arms[0]
        union = joined_ids(arms)
        return Sql(f"SELECT u.id FROM {union.text} u ORDER BY u.id {direction} LIMIT {count}", union.params)

    def arm_ids(self, arm: Arm, *, keys: Keys, limit: str, direction: str = "DESC", tests: Sql | None = None) -> Sql:
        column = f"d.{arm.key}"
        # A plus before the column keeps both engines from walking all runs in order instead of this index range;
        # where PostgreSQL shall sort, a bound on the bare column would tempt it, too.
        ordered = f"{'' if self.is_ordered and not arm.is_sorted else '+'}{column}"
        parts = [arm.where, *bounds(ordered if arm.is_sorted else column, keys)]
        if tests is not None:  # the OFFSET keeps PostgreSQL from turning this into a join
            run = f"SELECT 1 FROM index_run r WHERE r.id = {column} AND {tests.text} LIMIT 1 OFFSET 0"
            parts.append(Sql(f"EXISTS ({run})", tests.params))
        where = " AND ".join(part.text for part in parts)
        text = f"SELECT {column} AS id FROM {arm.table} d WHERE {where} ORDER BY {ordered} {direction} LIMIT {limit}"
        return Sql(text, tuple(param for part in parts for param in part.params))

    def count(self, *, keys: Keys, cap: int) -> int:
        """How many index entries there are, counted to `cap` + 1. Runs in two arms count twice."""
        total = 0
        for arm in self.arms:
            # Asked for in the order of the index, so that PostgreSQL does not walk the table instead.
            if self.is_ordered:
                inner = self.arm_ids(arm, keys=keys, limit=f"{cap + 1 - total}")
            else:
                text = f"SELECT 1 FROM {arm.table} d WHERE {arm.where.text} ORDER BY d.{arm.column} LIMIT {cap + 1 - total}"
                inner = Sql(text, arm.where.params)
            total += fetched(Sql(f"SELECT COUNT(*) FROM ({inner.text}) c", inner.params))[0][0]
            if total > cap:
                break
        return total

    def capped_count(self, *, keys: Keys, cap: int) -> Sql:
        """An expression: how many runs there are, more than `cap` when it is more.

        First whether one range alone has more, since SQLite skips entries more cheaply than it counts them. PostgreSQL does
        not, and of several ranges it spares to bring them together.
        """
        if is_postgresql() and len(self.arms) == 1:
            (arm,) = self.arms
            entries = self.arm_ids(arm, keys=keys, limit=f"{cap + 1}")
            return Sql(f"(SELECT COUNT(*) FROM ({entries.text}) c)", entries.params)
        beyond = [self.arm_ids(arm, keys=keys, limit=f"1 OFFSET {cap}") for arm in self.arms]
        tries = [Sql(f"(SELECT {cap + 1} FROM ({one.text}) b)", one.params) for one in beyond]
        entries = joined_ids([self.arm_ids(arm, keys=keys, limit=f"{cap}") for arm in self.arms])
        all_tries = joined([*tries, Sql(f"(SELECT COUNT(*) FROM {entries.text} c)", entries.params)], ", ")
        return Sql(f"COALESCE{all_tries.text}", all_tries.params)


def joined_ids(arms: Sequence[Sql]) -> Sql:
    """Each id once, in brackets."""
    parts = [Sql(f"SELECT a{place}.id FROM ({arm.text}) a{place}", arm.params) for place, arm in enumerate(arms)]
    return joined(parts, " UNION ") if len(parts) > 1 else Sql(f"({arms[0].text})", arms[0].params)


ALL = Source((Arm(Sql("1 = 1")),))


def bounds(column: str, keys: Keys) -> list[Sql]:
    found = []
    if keys.low > Keys().low:
        found.append(Sql(f"{column} >= %s", (keys.low,)))
    if keys.high < Keys().high:
        found.append(Sql(f"{column} < %s", (keys.high,)))
    return found


def of_column(column: str, values: Sequence[object], *, extra: str = "") -> Source | None:
    """Runs with one of `values` in an indexed column. `extra` repeats the condition of a partial index."""
    return source_of([Arm(Sql(f"d.{column} = %s{extra}", (value,))) for value in values])


def of_other_values(column: str, values: Sequence[str]) -> Source | None:
    """Runs with any other of the values that the column has now."""
    found = values_of(RUN, column, count=MAX_ARMS + len(values) + 1)
    return of_column(column, [value for value in found if value not in values])


def of_metadata(key: str, values: Sequence[str]) -> Source | None:
    pair = "d.key = %s AND d.value = %s"
    return source_of([Arm(Sql(pair, (key, value)), METADATA, "run_id") for value in values])


def of_tools(names: Sequence[str]) -> Source | None:
    return source_of([Arm(Sql("d.name = %s", (name,)), TOOL, "run_id") for name in names])


def of_words(phrases: Sequence[str]) -> Source:
    """Runs that hold every phrase."""
    if is_postgresql():
        found = words_in_vector(phrases)
        is_short = estimated_rows(Sql(f"SELECT 1 FROM {WORDS} d WHERE {found.text}", found.params)) <= SHORT
        return Source((Arm(found, WORDS, "run_id", is_sorted=is_short),))
    asked = " AND ".join(f'"{phrase}"' for phrase in phrases)
    return Source((Arm(Sql("d.index_runtext_fts MATCH %s", (asked,)), "index_runtext_fts", "rowid"),))


def words_in_vector(phrases: Sequence[str]) -> Sql:
    """The vector knows words without places, so phrases are looked up in the text of what is left."""
    words = dict.fromkeys(word for phrase in phrases for word in phrase.split())
    asked = " & ".join(f"'{word}'" for word in words)
    parts = ["d.vector @@ %s::tsquery"]
    rows = [f" {phrase} " for phrase in phrases if " " in phrase]
    parts += ["strpos(' ' || d.words || ' ', %s) > 0"] * len(rows)
    return Sql(" AND ".join(parts), (asked, *rows))


def of_keys(keys: Keys) -> Source:
    """Runs created in a span of time, as something to be counted."""
    return Source((Arm(Sql(" AND ".join(part.text for part in bounds("d.id", keys)),
                           tuple(param for part in bounds("d.id", keys) for param in part.params))),))  # fmt: skip


def both(one: Source, other: Source) -> Source | None:
    """Runs in both, where one index holds both columns; None when that makes too many ranges."""
    pairs = list(product(one.arms, other.arms))
    arms = [Arm(Sql(f"{a.where.text} AND {b.where.text}", a.where.params + b.where.params)) for a, b in pairs]
    return source_of(arms)


def source_of(arms: list[Arm]) -> Source | None:
    """None when there are too many arms to read; without any, a source that is empty."""
    return Source(tuple(arms) or (Arm(Sql("1 = 0")),)) if len(arms) <= MAX_ARMS else None
