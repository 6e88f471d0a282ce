"""Pages of runs, and capped counts, for any filter in any order, within a second at any size of the index."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db.models import QuerySet

from runsdash.index.models import Connection, Run
from runsdash.index.storage.keys import HASH_BITS
from runsdash.index.storage.keyset import CursorError

from .filter_values import KeyRange
from .plan import Direction, plan_for
from .run_filter import RunFilter
from .run_query import RunQuery, run_query_of, whole_source
from .scans import Clock, Limits, Position, ScanResult
from .sql import Sql, TookTooLong, fetched, stopped_after

# What a list can be sorted by, and its column. All have an index with the id behind it.
SORTS = {
    "created_at": "id", "started_at": "id", "queue": "queue_s", "duration": "duration_s", "tokens": "total_tokens",
    "cost": "cost", "steps": "step_count",
}  # fmt: skip
USUAL = Limits()
CURSOR = re.compile(r"(after|before)\.(\d{1,19})(?:\.(-|-?\d{1,19}(?:\.\d{1,25})?(?:e-?\d{1,3})?))?")
LARGEST = 2**63 - 1


@dataclass(frozen=True)
class RunOrder:
    """One of SORTS, and its direction."""

    sort: str = "created_at"
    is_descending: bool = True

    @property
    def column(self) -> str:
        return SORTS[self.sort]

    @property
    def is_by_time(self) -> bool:
        return self.column == "id"


@dataclass(frozen=True)
class RunListPage:
    """Rows in order; `previous` and `next` are cursors, empty at the ends.

    `is_partial`: looking for more was stopped; `next` (or `previous`) goes on from there. `looked_until`: a list by
    time was searched back, or on, to this moment.
    """

    rows: list[Run] = field(default_factory=list)
    previous: str = ""
    next: str = ""
    is_partial: bool = False
    looked_until: datetime | None = None


def run_list_page(
    run_filter: RunFilter,
    *,
    order: RunOrder,
    rows: QuerySet[Run],
    limit: int,
    cursor: str = "",
    connection: Connection | None = None,
    limits: Limits = USUAL,
) -> RunListPage:
    """One page. Raises CursorError. `rows` says what comes with a row. Finds keys first, then their rows."""
    way, position = position_of(cursor, order=order)
    is_backwards = way == "before"
    run_query = run_query_of(run_filter, connection)
    found = positions_of(run_query, order, position, is_backwards=is_backwards, count=limit + 1, limits=limits)
    has_more, positions = len(found.positions) > limit, found.positions[:limit]
    if is_backwards and not has_more and not found.is_stopped and len(positions) < limit:
        # Near the start: the whole first page.
        return run_list_page(run_filter, order=order, rows=rows, limit=limit, connection=connection, limits=limits)
    if is_backwards:
        positions.reverse()
    return assembled(found, positions, way=way, has_more=has_more, rows=rows, start=position)


def assembled(
    found: ScanResult,
    positions: list[Position],
    *,
    way: str,
    has_more: bool,
    rows: QuerySet[Run],
    start: Position | None,
) -> RunListPage:
    """`positions` in the order of the list. Looking on goes on behind the last row, or where it was stopped."""
    stopped = None if has_more else found.stopped_at
    if way == "before":
        previous, following = (positions[0] if has_more else stopped), (positions[-1] if positions else start)
    else:
        previous = (positions[0] if positions else start) if way == "after" else None
        following = positions[-1] if has_more else stopped
    return RunListPage(
        rows_of([position[-1] for position in positions], rows),
        previous=cursor_to("before", previous) if previous else "",
        next=cursor_to("after", following) if following else "",
        is_partial=found.is_stopped and not has_more,
        looked_until=moment_of_key(stopped[-1]) if stopped and len(stopped) == 1 else None,
    )


def positions_of(
    run_query: RunQuery, order: RunOrder, position: Position | None, *, is_backwards: bool, count: int, limits: Limits
) -> ScanResult:
    direction = Direction(order.column, order.is_descending, is_backwards)
    clock = Clock(limits)

    def search() -> ScanResult:
        return plan_for(run_query, direction, position, limits).run(position, count=count, clock=clock)

    return in_time(search, position, limits.statement_s)


def in_time(search: Callable[[], ScanResult], position: Position | None, seconds: float) -> ScanResult:
    """A statement that is stopped has found nothing: the page says so, and offers to start again from its position."""
    try:
        with stopped_after(seconds):
            return search()
    except TookTooLong:
        return ScanResult([], stopped_at=position, is_stopped=True)


def ids_of(
    run_filter: RunFilter,
    *,
    connection: Connection | None = None,
    count: int,
    above: int | None = None,
    limits: Limits = USUAL,
) -> tuple[list[int], bool]:
    """The newest `count` ids, and False if the search was stopped before. `above`: only greater ids."""
    run_query = run_query_of(run_filter, connection)
    if above is not None:
        run_query = RunQuery(run_query.key_range & KeyRange(low=above + 1), run_query.predicates)
    return newest_of(run_query, count=count, limits=limits)


def newest_of(run_query: RunQuery, *, count: int, limits: Limits = USUAL) -> tuple[list[int], bool]:
    """The same for a query."""
    found = positions_of(run_query, RunOrder(), None, is_backwards=False, count=count, limits=limits)
    return [position[-1] for position in found.positions], not found.is_stopped


def capped_counts(several: Sequence[RunQuery], *, cap: int) -> list[int | None]:
    """How many runs there are of each, more than `cap` when it is more; None when no index alone can say. One statement."""
    whole = [(whole_source(run_query), run_query.key_range) for run_query in several]
    counts = [source.capped_count(key_range=key_range, cap=cap) for source, key_range in whole if source]
    text, params = ", ".join(one.text for one in counts), tuple(param for one in counts for param in one.params)
    numbers = iter(fetched(Sql(f"SELECT {text}", params))[0] if counts else ())
    return [next(numbers) if source else None for source, _ in whole]


def rows_of(ids: Sequence[int], rows: QuerySet[Run]) -> list[Run]:
    """The rows in the order of their ids; one deleted in between is left out."""
    found = rows.in_bulk(ids)
    return [found[pk] for pk in ids if pk in found]


def moment_of_key(key: int) -> datetime | None:
    return datetime.fromtimestamp(key >> HASH_BITS, UTC) if key < LARGEST else None


# Cursors: `after.ID` or `after.ID.VALUE`, a dash for no value


def cursor_to(way: str, position: Position) -> str:
    if len(position) == 1:
        return f"{way}.{position[0]}"
    value, key = position
    return f"{way}.{key}.{'-' if value is None else repr(value)}"


def position_of(cursor: str, *, order: RunOrder) -> tuple[str, Position | None]:
    if not cursor:
        return "", None
    match = CURSOR.fullmatch(cursor)
    if match is None or (match[3] is None) != order.is_by_time or int(match[2]) > LARGEST:
        raise CursorError(cursor)
    if order.is_by_time:
        return match[1], (int(match[2]),)
    return match[1], (value_of(match[3], order), int(match[2]))


def value_of(text: str, order: RunOrder) -> float | int | None:
    if text == "-":
        return None
    if order.column == "cost":
        return float(text)
    if not text.lstrip("-").isdigit() or abs(int(text)) > LARGEST:
        raise CursorError(text)
    return int(text)
