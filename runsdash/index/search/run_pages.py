"""Answers pages, newest ids and capped counts of any filter in about a second, at any size of the index.

Names are looked up before that time begins, and rows read after it. PostgreSQL stops each statement, SQLite the whole.

Owns cursors and what a page says when the search was stopped. How runs are found is decided in `plan`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from runsdash.index.models import Connection
from runsdash.index.storage.keys import created_at_of
from runsdash.index.storage.keyset import CursorError, Way

from .filter_values import LARGEST_KEY
from .index_ranges import NO_INDEX
from .plan import exact_index, positions_of
from .queries import query_of
from .run_filter import RunFilter
from .run_query import KeyPosition, Position, RunOrder, RunQuery, ScanResult, ValuePosition
from .sql_pieces import Sql, fetched, joined
from .time_budget import TimeBudget

USUAL = TimeBudget()
CURSOR = re.compile(r"(after|before)\.(\d{1,19})(?:\.(-|-?\d{1,19}(?:\.\d{1,25})?(?:e-?\d{1,3})?))?")


Row = TypeVar("Row")
RowRead = TypeVar("RowRead", covariant=True)


class Rows(Protocol[RowRead]):
    """Reads rows by their ids: a queryset of runs, or `listed_runs.ListedRuns`."""

    def in_bulk(self, id_list: Sequence[int], /) -> Mapping[int, RowRead]: ...


@dataclass(frozen=True)
class RunListPage(Generic[Row]):
    """Holds rows in order; `previous` and `next` are cursors, empty at the ends.

    `is_partial`: looking for more was stopped; `next` (or `previous`) goes on from there, and is empty where a first
    page found nothing before. `looked_until`: a list by time was searched back, or on, to this moment.
    """

    rows: list[Row] = field(default_factory=list)
    previous: str = ""
    next: str = ""
    is_partial: bool = False
    looked_until: datetime | None = None


def run_list_page(
    run_filter: RunFilter,
    *,
    order: RunOrder,
    rows: Rows[Row],
    limit: int,
    cursor: str = "",
    connection: Connection | None = None,
    budget: TimeBudget = USUAL,
) -> RunListPage[Row]:
    """Returns one page of a filter's runs. `rows` says what comes with a row. Raises CursorError.

    1. The cursor gives a position and the way to read from it.
    2. The search finds the positions of `limit` rows and one more, which tells whether there are more.
    3. Cursors to both sides are made of them, and the rows are read by their keys.
    """
    way, start = way_and_position(cursor, order=order)
    is_backwards = way is Way.BEFORE
    run_query = query_of(run_filter, connection)
    result = positions_of(run_query, replace(order, is_backwards=is_backwards), start, count=limit + 1, budget=budget)
    is_near_start = is_backwards and not result.is_stopped and len(result.positions) < limit
    if is_near_start:  # the first page, whole
        return run_list_page(run_filter, order=order, rows=rows, limit=limit, connection=connection, budget=budget)
    return page_of_result(result, limit=limit, way=way, start=start, rows=rows)


def page_of_result(
    result: ScanResult, *, limit: int, way: Way | None, start: Position | None, rows: Rows[Row]
) -> RunListPage[Row]:
    """Makes a page of what was found on the `way` from `start`. One row beyond `limit` means that there are more.

    Ahead of the way, the page goes on behind its last row, or where the search was stopped; on the other side, before
    its first row, or from `start` when it has none.
    """
    has_more, positions = len(result.positions) > limit, result.positions[:limit]
    stopped_at = None if has_more else result.stopped_at
    reached = stopped_at.key if isinstance(stopped_at, KeyPosition) else None
    onward = positions[-1] if has_more else stopped_at
    back = (positions[0] if positions else start) if way else None
    if way is Way.BEFORE:
        positions.reverse()
        previous, following = onward, back
    else:
        previous, following = back, onward
    return RunListPage(
        rows_of([position.key for position in positions], rows),
        previous=cursor_to(Way.BEFORE, previous) if previous else "",
        next=cursor_to(Way.AFTER, following) if following else "",
        is_partial=result.is_stopped and not has_more,
        looked_until=created_at_of(reached) if reached is not None and reached < LARGEST_KEY else None,
    )


def rows_of(ids: Sequence[int], rows: Rows[Row]) -> list[Row]:
    """Reads the rows in the order of their ids; one deleted in between is left out."""
    by_id = rows.in_bulk(ids)
    return [by_id[pk] for pk in ids if pk in by_id]


# Ids and counts


def ids_of(
    run_filter: RunFilter,
    *,
    connection: Connection | None = None,
    count: int,
    above: int | None = None,
    budget: TimeBudget = USUAL,
) -> tuple[list[int], bool]:
    """Returns the newest `count` ids, and False if the search was stopped before. `above`: only greater ids."""
    run_query = query_of(run_filter, connection)
    return newest_ids(run_query if above is None else run_query.above(above), count=count, budget=budget)


def newest_ids(run_query: RunQuery, *, count: int, budget: TimeBudget = USUAL) -> tuple[list[int], bool]:
    """Returns the newest `count` ids of a query, and False if the search was stopped before."""
    result = positions_of(run_query, RunOrder(), None, count=count, budget=budget)
    return [position.key for position in result.positions], not result.is_stopped


def ids_in_portions(run_query: RunQuery, *, size: int, budget: TimeBudget) -> Iterator[tuple[list[int], bool]]:
    """Yields the ids of a query, newest first, `size` at a time, and whether they are the last.

    None are the last when the search was stopped.
    """
    start: Position | None = None
    is_over = False
    while not is_over:
        result = positions_of(run_query, RunOrder(), start, count=size, budget=budget)
        is_over = result.is_stopped or len(result.positions) < size
        yield [position.key for position in result.positions], is_over and not result.is_stopped
        start = result.positions[-1] if result.positions else None


def capped_counts(run_queries: Sequence[RunQuery], *, cap: int) -> list[int | None]:
    """Counts the runs of each query in one statement.

    A number is more than `cap` when there are more runs, and None when no index alone can say.
    """
    indexes = [exact_index(one) for one in run_queries]
    counts = [
        index.capped_count(one.key_range, cap=cap)
        for index, one in zip(indexes, run_queries, strict=True)
        if index is not NO_INDEX
    ]
    columns = joined(counts, ", ")
    numbers = iter(fetched(Sql(f"SELECT {columns.text}", columns.params))[0] if counts else ())
    return [None if index is NO_INDEX else next(numbers) for index in indexes]


# Cursors: `after.ID` or `after.ID.VALUE`, a dash for no value


def cursor_to(way: Way, position: Position) -> str:
    if isinstance(position, KeyPosition):
        return f"{way}.{position.key}"
    return f"{way}.{position.key}.{'-' if position.value is None else repr(position.value)}"


def way_and_position(cursor: str, *, order: RunOrder) -> tuple[Way | None, Position | None]:
    """Reads a cursor; None and None without one. Raises CursorError."""
    if not cursor:
        return None, None
    match = CURSOR.fullmatch(cursor)
    if match is None or (match[3] is None) != order.is_by_time or int(match[2]) > LARGEST_KEY:
        raise CursorError(cursor)
    if order.is_by_time:
        return Way(match[1]), KeyPosition(int(match[2]))
    return Way(match[1]), ValuePosition(value_of(match[3], order), int(match[2]))


def value_of(text: str, order: RunOrder) -> float | None:
    if text == "-":
        return None
    if order.column == "cost":
        return float(text)
    if not text.lstrip("-").isdigit() or abs(int(text)) > LARGEST_KEY:
        raise CursorError(text)
    return int(text)
