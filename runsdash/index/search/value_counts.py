"""How many runs have each status, model, assistant, error, connection and tool: of given ids, or of a whole filter.

A filter's runs are walked newest first, each chunk counted by the database in one statement.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from time import monotonic

from .index_ranges import WORDS, IndexRanges
from .plan import Direction, Plan, plan_for
from .run_query import RunQuery
from .scans import Clock, KeyScan, Position
from .sql import (
    Sql,
    TookTooLong,
    each_row,
    each_run,
    fetched,
    is_postgresql,
    listed_ids,
    stopped_after,
)

COLUMNS = {
    "status": "r.status", "model": "r.model", "assistant": "r.assistant_id", "error": "r.error_code",
    "connection": "c.slug",
}  # fmt: skip
NAMES = ("status", "model", "assistant", "error", "tool", "connection")
ValueCounts = dict[str, Counter[str]]


def value_counts_of(ids: Sql, names: set[str]) -> ValueCounts:
    """Runs of the query `ids` by value, for each of `names`."""
    found = no_value_counts()
    asked = [name for name in COLUMNS if name in names]
    if asked:
        columns = ", ".join(COLUMNS[name] for name in asked)
        slugs = " JOIN index_connection c ON c.id = r.connection_id" if "connection" in asked else ""
        rows = each_run(ids)
        for *values, number in fetched(
            Sql(f"SELECT {columns}, COUNT(*) FROM {rows.text}{slugs} GROUP BY {columns}", rows.params)
        ):
            for name, value in zip(asked, values, strict=True):
                found[name][value] += number
    if "tool" in names:
        used = each_row(ids, "index_runtool", "run_id")
        found["tool"].update(
            dict(fetched(Sql(f"SELECT r.name, COUNT(*) FROM {used.text} GROUP BY r.name", used.params)))
        )
    return found


def no_value_counts() -> ValueCounts:
    return {name: Counter() for name in NAMES}


def add(part: ValueCounts, names: set[str], *, to: ValueCounts) -> None:
    for name in names:
        to[name].update(part[name])


def value_counts_in_time(ids: Sequence[int], names: set[str], *, size: int, clock: Clock) -> tuple[ValueCounts, bool]:
    """Of the first `size` ids in any case and of as many more at a time while time is left; and whether it is of all."""
    total = no_value_counts()
    while True:
        began = monotonic()
        add(value_counts_of(listed_ids(ids[:size]), names), names, to=total)
        ids = ids[size:]
        has_time = clock.next_size(size, monotonic() - began) >= min(size, len(ids))
        if not ids or not has_time:
            return total, not ids


def growing_value_counts(run_query: RunQuery, names: set[str], *, clock: Clock) -> Iterator[tuple[ValueCounts, bool]]:
    """The tally so far after each chunk, and whether it is of all runs. Ends when the clock's time is over.

    What is taken out of `names` meanwhile is counted no further.
    """
    plan = plan_for(run_query, Direction(), None, clock.limits)
    total = no_value_counts()
    is_tested = plan.gathered is None and plan.tests is not None
    for ids, is_last in chunks(plan, clock):
        try:
            with stopped_after(max(0.001, clock.left_s)):
                part = value_counts_of(read_once(ids) if is_tested else ids, names)
        except TookTooLong:
            return
        add(part, names, to=total)
        yield total, is_last


def read_once(ids: Sql) -> Sql:
    """Where each run is looked into, since two statements count them."""
    return listed_ids([key for (key,) in fetched(ids)])


def chunks(plan: Plan, clock: Clock) -> Iterator[tuple[Sql, bool]]:
    """Queries that give the ids of what passes, and whether it is the last. The clock measures what comes in between."""
    if plan.gathered is not None:
        positions = plan.sorted_rows(None, clock.limits.gathered, clock.limits.gathered)
        yield listed_ids([position[-1] for position in positions]), True
        return
    (scan,) = plan.scans
    position: Position | None = None
    size = max(clock.limits.first_chunk, scan.least_chunk)
    while size:
        began = monotonic()
        ids, seen, last = chunk(scan, position, plan.tests, size)
        yield ids, seen < size
        if seen < size:
            return
        position, size = last, clock.next_size(size, monotonic() - began)


def chunk(scan: KeyScan, position: Position | None, tests: Sql | None, size: int) -> tuple[Sql, int, Position | None]:
    """A query for what passes of the next `size` entries, how many entries there are, and where they end."""
    if tests is None and looks_into_texts(scan.source):
        positions = scan.matches(position, None, None, size)
        return listed_ids([key for (key,) in positions]), len(positions), positions[-1] if positions else None
    seen, last = scan.chunk(position, size)
    key_range = scan.behind(position) & scan.until(last)
    return scan.source.ids(key_range=key_range, count=size, is_descending=scan.is_descending, tests=tests), seen, last


def looks_into_texts(source: IndexRanges) -> bool:
    """PostgreSQL does for words: the ids of such a range are not just read from an index."""
    return is_postgresql() and any(index_range.table == WORDS for index_range in source.ranges)
