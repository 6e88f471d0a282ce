"""Pages of runs, and capped counts, for any filter in any order, within a second at any size of the index."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db.models import QuerySet

from runsdash.index.models import Connection, Run
from runsdash.index.storage.keys import HASH_BITS
from runsdash.index.storage.keyset import CursorError

from .filter_values import Keys
from .plan import Direction, plan_for
from .run_filter import RunFilter
from .run_query import Wanted, wanted_of, whole_source
from .scans import Clock, Found, Limits, Place
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
class Order:
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
class RunPage:
    """Rows in order; `previous` and `next` are cursors, empty at the ends.

    `is_partial`: looking for more was stopped; `next` (or `previous`) goes on from there. `looked_until`: a list by
    time was searched back, or on, to this moment.
    """

    rows: list[Run] = field(default_factory=list)
    previous: str = ""
    next: str = ""
    is_partial: bool = False
    looked_until: datetime | None = None


def run_page(
    run_filter: RunFilter,
    *,
    order: Order,
    rows: QuerySet[Run],
    limit: int,
    cursor: str = "",
    connection: Connection | None = None,
    limits: Limits = USUAL,
) -> RunPage:
    """One page. Raises CursorError. `rows` says what comes with a row. Finds keys first, then their rows."""
    way, place = place_of(cursor, order=order)
    is_backwards = way == "before"
    wanted = wanted_of(run_filter, connection)
    found = places_of(wanted, order, place, is_backwards=is_backwards, count=limit + 1, limits=limits)
    has_more, places = len(found.places) > limit, found.places[:limit]
    if is_backwards and not has_more and not found.is_stopped and len(places) < limit:
        # Near the start: the whole first page.
        return run_page(run_filter, order=order, rows=rows, limit=limit, connection=connection, limits=limits)
    if is_backwards:
        places.reverse()
    return assembled(found, places, way=way, has_more=has_more, rows=rows, start=place)


def assembled(
    found: Found, places: list[Place], *, way: str, has_more: bool, rows: QuerySet[Run], start: Place | None
) -> RunPage:
    """`places` in the order of the list. Looking on goes on behind the last row, or where it was stopped."""
    stopped = None if has_more else found.stopped_at
    if way == "before":
        previous, following = (places[0] if has_more else stopped), (places[-1] if places else start)
    else:
        previous = (places[0] if places else start) if way == "after" else None
        following = places[-1] if has_more else stopped
    return RunPage(
        rows_of([place[-1] for place in places], rows),
        previous=cursor_to("before", previous) if previous else "",
        next=cursor_to("after", following) if following else "",
        is_partial=found.is_stopped and not has_more,
        looked_until=moment_of_key(stopped[-1]) if stopped and len(stopped) == 1 else None,
    )


def places_of(
    wanted: Wanted, order: Order, place: Place | None, *, is_backwards: bool, count: int, limits: Limits
) -> Found:
    direction = Direction(order.column, order.is_descending, is_backwards)
    clock = Clock(limits)

    def search() -> Found:
        return plan_for(wanted, direction, place, limits).run(place, count=count, clock=clock)

    return in_time(search, place, limits.statement_s)


def in_time(search: Callable[[], Found], place: Place | None, seconds: float) -> Found:
    """A statement that is stopped has found nothing: the page says so, and offers to start again from its place."""
    try:
        with stopped_after(seconds):
            return search()
    except TookTooLong:
        return Found([], stopped_at=place, is_stopped=True)


def ids_of(
    run_filter: RunFilter,
    *,
    connection: Connection | None = None,
    count: int,
    above: int | None = None,
    limits: Limits = USUAL,
) -> tuple[list[int], bool]:
    """The newest `count` ids, and False if the search was stopped before. `above`: only greater ids."""
    wanted = wanted_of(run_filter, connection)
    if above is not None:
        wanted = Wanted(wanted.keys & Keys(low=above + 1), wanted.groups)
    return newest_of(wanted, count=count, limits=limits)


def newest_of(wanted: Wanted, *, count: int, limits: Limits = USUAL) -> tuple[list[int], bool]:
    """The same for what is wanted."""
    found = places_of(wanted, Order(), None, is_backwards=False, count=count, limits=limits)
    return [place[-1] for place in found.places], not found.is_stopped


def capped_counts(several: Sequence[Wanted], *, cap: int) -> list[int | None]:
    """How many runs there are of each, more than `cap` when it is more; None when no index alone can say. One statement."""
    whole = [(whole_source(wanted), wanted.keys) for wanted in several]
    counts = [source.capped_count(keys=keys, cap=cap) for source, keys in whole if source]
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


def cursor_to(way: str, place: Place) -> str:
    if len(place) == 1:
        return f"{way}.{place[0]}"
    value, key = place
    return f"{way}.{key}.{'-' if value is None else repr(value)}"


def place_of(cursor: str, *, order: Order) -> tuple[str, Place | None]:
    if not cursor:
        return "", None
    match = CURSOR.fullmatch(cursor)
    if match is None or (match[3] is None) != order.is_by_time or int(match[2]) > LARGEST:
        raise CursorError(cursor)
    if order.is_by_time:
        return match[1], (int(match[2]),)
    return match[1], (value_of(match[3], order), int(match[2]))


def value_of(text: str, order: Order) -> float | int | None:
    if text == "-":
        return None
    if order.column == "cost":
        return float(text)
    if not text.lstrip("-").isdigit() or abs(int(text)) > LARGEST:
        raise CursorError(text)
    return int(text)
