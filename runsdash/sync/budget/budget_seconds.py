"""Portions of a connection's budget, in rows that all processes see: how large they are and how one is claimed.

A window is what `budget_per_min` gives for one second, or for as many whole seconds as it takes to be worth
LEAST_REQUESTS. Reads are claimed before they are sent, one statement for many; what was sent without asking (writes,
retries, an id that nobody has seen) is booked afterwards and paid back by the worker. Clocks of several machines may
differ by a second or two; then their windows overlap by as much.
"""

from dataclasses import dataclass
from math import ceil
from typing import Literal

from django.db import connection as database
from django.db.models import Sum

from runsdash.index.models import BudgetSecond

# active: the worker's reads of active runs. rest: all else it reads; floor: what the rest gets in any case.
# pages: what people look at.
Share = Literal["active", "rest", "floor", "pages"]
LEAST_REQUESTS = 5  # the dearest read costs five
PAGE_SHARE = 0.2
LOOK_BACK = 30  # windows before the present one that count; so much of their share pages may use at once
PAID_BACK_IN = 10  # windows
FLOOR_ONE_IN = 40  # however many runs are active, one request in so many is for the rest
KEPT_S = 600
TRIES = 3  # when another process was quicker


@dataclass(frozen=True, kw_only=True)
class BudgetWindow:
    """`second`: when it began, Unix time. `count`: requests in it. `has_floor`: one of them is for the rest."""

    second: int
    size_s: int
    count: int
    has_floor: bool

    @property
    def reserve(self) -> int:
        return ceil(self.count * PAGE_SHARE)


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What all processes took of the present window (`now`) and of the LOOK_BACK windows before it."""

    total_now: int
    pages_now: int
    total_before: int
    pages_before: int


def window_at(at_s: float, *, per_min: int) -> BudgetWindow:
    size_s = ceil(LEAST_REQUESTS * 60 / per_min)
    number = int(at_s) // size_s
    before, after = (number * size_s * per_min // 60, (number + 1) * size_s * per_min // 60)
    has_floor = before // FLOOR_ONE_IN != after // FLOOR_ONE_IN
    return BudgetWindow(second=number * size_s, size_s=size_s, count=after - before, has_floor=has_floor)


def claim(connection_id: int, window: BudgetWindow, *, share: Share, want: int) -> int:
    """Takes up to `want` requests of the window for a share; how many there were."""
    for _ in range(TRIES):
        spent = spent_by_all(connection_id, window)
        most, most_pages = limits(window, spent, share=share)
        count = min(want, max(most - spent.total_now, most_pages - spent.pages_now))
        if count <= 0:
            return 0
        column = "pages" if share == "pages" else "worker"
        if add(connection_id, window.second, most=most, most_pages=most_pages, **{column: count}):
            return count
    return 0


def limits(window: BudgetWindow, spent: Spent, *, share: Share) -> tuple[int, int]:
    """Up to which sum of the window a share may take, and up to which sum of the pages' part.

    Pages always have their reserve. Active runs may borrow what pages have left unused lately. Whoever overdrew,
    the worker pays it back.
    """
    if share == "pages":
        return window.count, window.reserve * LOOK_BACK - spent.pages_before
    if share == "floor" and (spent.total_now or not window.has_floor):
        return 0, 0
    excess = ceil(max(0, spent.total_before - LOOK_BACK * window.count) / PAID_BACK_IN)
    used = ceil(2 * spent.pages_before / LOOK_BACK)
    held = window.reserve if share == "rest" else min(window.reserve, used)
    return window.count - held - excess, 0


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


def book(connection_id: int, window: BudgetWindow, **counts: int) -> None:
    """Counts what was sent without asking: `pages`, `worker`, `writes`."""
    add(connection_id, window.second, **counts)


def add(
    connection_id: int,
    second: int,
    *,
    pages: int = 0,
    worker: int = 0,
    writes: int = 0,
    most: int | None = None,
    most_pages: int = 0,
) -> bool:
    """One statement, so that no two processes take the same request. False when it would exceed `most`."""
    table = database.ops.quote_name(BudgetSecond._meta.db_table)
    sql = (
        f"INSERT INTO {table} (connection_id, second, pages, worker, writes) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (connection_id, second) DO UPDATE SET "
        + ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in ("pages", "worker", "writes"))
    )
    values = [connection_id, second, pages, worker, writes]
    if most is not None:
        sql += (
            f" WHERE {table}.pages + {table}.worker + {table}.writes + %s <= %s"
            f" OR (excluded.pages > 0 AND {table}.pages + excluded.pages <= %s)"
        )
        values += [pages + worker + writes, most, most_pages]
    with database.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.rowcount == 1


def used_since(connection_id: int, second: float) -> dict[str, int]:
    """Requests counted since a moment (Unix time), by `pages`, `worker` and `writes`."""
    rows = BudgetSecond.objects.filter(connection=connection_id, second__gt=second)
    sums = rows.aggregate(pages=Sum("pages"), worker=Sum("worker"), writes=Sum("writes"))
    return {name: count or 0 for name, count in sums.items()}


def sweep(*, now_s: float) -> None:
    """Deletes rows that nobody looks at any more."""
    BudgetSecond.objects.filter(second__lt=int(now_s) - KEPT_S).delete()
