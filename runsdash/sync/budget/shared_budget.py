"""Divides a connection's `budget_per_min` among all processes, in rows that count what each window has spent.

A window is one second, or as many whole seconds as it takes to be worth LEAST_REQUESTS. Up to which mark requests
of each purpose may fill a window of ten:

    0               8   10
    ├───────────────┼────┤
    ██ other ███████┤         leaves the reserve of pages, a fifth
    ██ active ██████┼┄┄┄┄┤    borrows of the reserve what pages have not used lately
    ██ pages ███████┼████┤┄►  in any case the reserves of the last LOOK_BACK windows that they have not used
    █  floor                  of other reads, one in about FLOOR_ONE_IN: in windows of which nothing is spent or owed

So after half a minute in which nobody looked, pages may send 60 requests beyond a window that workers have filled.

Reads are claimed before they are sent, many by one statement. What was sent unasked (writes, retries, an id that nobody
has seen) is booked afterwards, and the worker's marks lie lower until that is paid back. Clocks of several machines may
differ by a second or two; then their windows overlap by as much.
"""

from dataclasses import dataclass
from enum import Enum
from math import ceil

from django.db import connection as database
from django.db.models import Sum

from runsdash.index.models import BudgetSecond

LEAST_REQUESTS = 5  # the dearest read costs five
PAGE_SHARE = 0.2
LOOK_BACK = 30  # windows before the present one that count
PAID_BACK_IN = 10  # windows
FLOOR_ONE_IN = 40  # requests
KEPT_S = (LOOK_BACK + 1) * LEAST_REQUESTS * 60  # as long as LOOK_BACK windows of one request a minute
TRIES = 3  # when another process was quicker


class Purpose(Enum):
    """Names what the requests of a window are for."""

    PAGES = "what people look at"
    ACTIVE = "the worker's reads of active runs"
    OTHER = "all else that the worker reads"
    FLOOR = "the first of those other reads in some windows, so that they go on beside many active runs"


@dataclass(frozen=True, kw_only=True)
class BudgetWindow:
    """Says when a window began (`second`, Unix time) and what is in it. `has_floor`: other reads may be first."""

    second: int
    size_s: int
    count: int
    has_floor: bool

    @property
    def reserve(self) -> int:
        return ceil(self.count * PAGE_SHARE)


@dataclass(frozen=True, kw_only=True)
class Spent:
    """Counts what all processes took of the present window (`now`) and of the LOOK_BACK windows before it."""

    total_now: int
    pages_now: int
    total_before: int
    pages_before: int


def window_at(at_s: float, *, per_min: int) -> BudgetWindow:
    """Returns the window of a moment. Windows of a minute add up to its budget."""
    size_s = ceil(LEAST_REQUESTS * 60 / per_min)
    second = int(at_s) // size_s * size_s
    before, after = second * per_min // 60, (second + size_s) * per_min // 60
    has_floor = before // FLOOR_ONE_IN != after // FLOOR_ONE_IN
    return BudgetWindow(second=second, size_s=size_s, count=after - before, has_floor=has_floor)


def claim(connection_id: int, window: BudgetWindow, *, purpose: Purpose, want: int) -> int:
    """Takes up to `want` requests of the window for a share; returns how many there were."""
    column = "pages" if purpose is Purpose.PAGES else "worker"
    for _ in range(TRIES):
        spent = spent_by_all(connection_id, window)
        most, most_pages = marks_of(window, spent, purpose=purpose)  # either is enough
        count = min(want, max(most - spent.total_now, most_pages - spent.pages_now))
        if count <= 0:
            return 0
        if book(connection_id, window, **{column: count}, most=most, most_pages=most_pages):
            return count
    return 0


def marks_of(window: BudgetWindow, spent: Spent, *, purpose: Purpose) -> tuple[int, int]:
    """Returns two marks, of which one is enough: for all that the window has spent, and for the pages' part of it."""
    if purpose is Purpose.PAGES:
        return window.count, window.reserve * LOOK_BACK - spent.pages_before
    if purpose is Purpose.FLOOR and (spent.total_now or not window.has_floor):
        return 0, 0
    used_lately = ceil(2 * spent.pages_before / LOOK_BACK)
    kept_for_pages = window.reserve if purpose is Purpose.OTHER else min(window.reserve, used_lately)
    overdrawn = max(0, spent.total_before - LOOK_BACK * window.count)
    return window.count - kept_for_pages - ceil(overdrawn / PAID_BACK_IN), 0


def spent_by_all(connection_id: int, window: BudgetWindow) -> Spent:
    first = window.second - LOOK_BACK * window.size_s
    rows = BudgetSecond.objects.filter(connection=connection_id, second__range=(first, window.second))
    found = {row.second: (row.pages, row.pages + row.worker + row.writes) for row in rows}
    pages_now, total_now = found.pop(window.second, (0, 0))
    return Spent(
        total_now=total_now,
        pages_now=pages_now,
        total_before=sum(total for _, total in found.values()),
        pages_before=sum(pages for pages, _ in found.values()),
    )


def book(
    connection_id: int,
    window: BudgetWindow,
    *,
    pages: int = 0,
    worker: int = 0,
    writes: int = 0,
    most: int | None = None,
    most_pages: int = 0,
) -> bool:
    """Counts requests in one statement, so that no two processes take the same. False when they exceed `most`."""
    table = database.ops.quote_name(BudgetSecond._meta.db_table)
    sql = (
        f"INSERT INTO {table} (connection_id, second, pages, worker, writes) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (connection_id, second) DO UPDATE SET "
        + ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in ("pages", "worker", "writes"))
    )
    values = [connection_id, window.second, pages, worker, writes]
    if most is not None:
        sql += (
            f" WHERE {table}.pages + {table}.worker + {table}.writes + %s <= %s"
            f" OR (excluded.pages > 0 AND {table}.pages + excluded.pages <= %s)"
        )
        values += [pages + worker + writes, most, most_pages]
    with database.cursor() as cursor:
        cursor.execute(sql, values)
        return bool(cursor.rowcount == 1)


def used_since(connection_id: int, second: float) -> dict[str, int]:
    """Counts requests since a moment (Unix time), by `pages`, `worker` and `writes`."""
    rows = BudgetSecond.objects.filter(connection=connection_id, second__gt=second)
    sums = rows.aggregate(pages=Sum("pages"), worker=Sum("worker"), writes=Sum("writes"))
    return {name: count or 0 for name, count in sums.items()}


def sweep(*, now_s: float) -> None:
    """Deletes rows that nobody looks at any more."""
    BudgetSecond.objects.filter(second__lt=int(now_s) - KEPT_S).delete()
