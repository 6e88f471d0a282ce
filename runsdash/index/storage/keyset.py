"""Pages through lists by key: any page of any list costs the same. No OFFSET, no COUNT.

Owns cursors and orders of plain querysets; lists of runs with a filter are paged in `search`. A cursor says which way
and where in the list: `after.KEY`, `before.KEY`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

from django.db.models import Model, Q, QuerySet

CURSOR = re.compile(r"(after|before)\.(-?\d{1,19})(?:\.(-?\d{1,19}))?")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LARGEST = 2**63 - 1
Row = TypeVar("Row", bound=Model)
Key = tuple[int] | tuple[datetime, int]  # (id,) or (time, id)


class Way(StrEnum):
    """Says which way a cursor leads: to the rows that follow, or to those ahead."""

    AFTER = "after"
    BEFORE = "before"


class CursorError(ValueError):
    """Says that the cursor in the address was not made by RunsDash."""


@dataclass(frozen=True)
class KeysetOrder:
    """Orders by `id`, or by a time column with `id` behind it. Rows without that time are not in the list."""

    column: str = "id"
    is_descending: bool = True

    def reversed(self) -> "KeysetOrder":
        return KeysetOrder(self.column, not self.is_descending)

    @property
    def names(self) -> list[str]:
        sign = "-" if self.is_descending else ""
        return [f"{sign}id"] if self.column == "id" else [f"{sign}{self.column}", f"{sign}id"]

    def beyond(self, position: Key) -> Q:
        """Finds rows strictly behind `position` in this order. The redundant first condition lets the index seek."""
        side = "lt" if self.is_descending else "gt"
        moment, behind = position[0], Q(**{f"id__{side}": position[-1]})
        if self.column == "id":
            return behind
        return Q(**{f"{self.column}__{side}e": moment}) & (Q(**{f"{self.column}__{side}": moment}) | behind)


@dataclass(frozen=True)
class KeysetPage(Generic[Row]):
    """Holds `rows` in order; `previous` and `next` are cursors, empty at the ends."""

    rows: list[Row] = field(default_factory=list)
    previous: str = ""
    next: str = ""


def page_of(
    querysets: Sequence[QuerySet[Row]], *, order: KeysetOrder, rows: QuerySet[Row], limit: int, cursor: str = ""
) -> KeysetPage[Row]:
    """Reads one page of one or several disjoint querysets. `rows` says what comes with a row. Raises CursorError.

    Keys are found first, then their rows: the index is walked without touching wide rows.
    """
    way, position = way_and_position(cursor, order=order)
    walk = order.reversed() if way is Way.BEFORE else order
    keys = merged([keys_ahead(one, walk=walk, position=position, count=limit + 1) for one in querysets], walk=walk)
    has_more, keys = len(keys) > limit, keys[:limit]
    if way is Way.BEFORE:
        if not has_more and len(keys) < limit:
            return page_of(querysets, order=order, rows=rows, limit=limit)  # near the start: the whole first page
        keys.reverse()
        previous, following = (cursor_to(Way.BEFORE, keys[0]) if has_more else ""), cursor_to(Way.AFTER, keys[-1])
    else:
        previous = cursor_to(Way.BEFORE, keys[0]) if way is Way.AFTER and keys else ""
        following = cursor_to(Way.AFTER, keys[-1]) if has_more else ""
    return KeysetPage(rows_of(keys, rows), previous, following)


def keys_ahead(queryset: QuerySet[Row], *, walk: KeysetOrder, position: Key | None, count: int) -> list[Key]:
    if position is not None:
        queryset = queryset.filter(walk.beyond(position))
    columns = ["id"] if walk.column == "id" else [walk.column, "id"]
    return list(queryset.order_by(*walk.names).values_list(*columns)[:count])


def merged(lists: Sequence[list[Key]], *, walk: KeysetOrder) -> list[Key]:
    if len(lists) == 1:
        return lists[0]
    return sorted({key for keys in lists for key in keys}, reverse=walk.is_descending)


def rows_of(keys: Sequence[Key], rows: QuerySet[Row]) -> list[Row]:
    """Reads the rows in the order of their keys; one deleted in between is left out."""
    by_id = rows.in_bulk([key[-1] for key in keys])
    return [by_id[key[-1]] for key in keys if key[-1] in by_id]


def cursor_to(way: Way, key: Key) -> str:
    """Writes the cursor to the rows behind `key`, or ahead of it."""
    moments = [str((moment - EPOCH) // timedelta(microseconds=1)) for moment in key[:-1]]
    return ".".join([way, *moments, str(key[-1])])


def way_and_position(cursor: str, *, order: KeysetOrder) -> tuple[Way | None, Key | None]:
    if not cursor:
        return None, None
    match = CURSOR.fullmatch(cursor)
    if match is None or (match[3] is None) != (order.column == "id") or abs(int(match[3] or match[2])) > LARGEST:
        raise CursorError(cursor)
    if order.column == "id":
        return Way(match[1]), (int(match[2]),)
    try:
        return Way(match[1]), (EPOCH + timedelta(microseconds=int(match[2])), int(match[3]))
    except OverflowError:
        raise CursorError(cursor) from None
