"""Reads a page of a list, of whatever shape the server gave it: docs/protocol.md#paging."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ..json_types import Json
from . import parsing
from .fields import ApiObject

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(ApiObject, Generic[Item]):
    """Holds typed objects in `data`. `last_id` is the cursor for `after`, `first_id` the one for `before`.

    The cursors are the ids of the first and last item received, also of one left out of `data`; `received` holds those,
    too. `has_more` means that there may be more: the server does not say no, or the page is full. `said_more` is what
    the server says, None when it says nothing.
    """

    data: list[Item]
    has_more: bool
    said_more: bool | None
    is_full: bool
    received: list[Item] = field(repr=False)
    first_id: str | None
    last_id: str | None
    raw: Json = field(repr=False)

    @classmethod
    def from_raw(
        cls,
        raw: Json,
        *,
        item_from_raw: Callable[[Json], Item],
        limit: int = 20,
        keep: Callable[[Item], bool] = lambda _item: True,
    ) -> "Page[Item]":
        """Reads a page of `limit` items. Some servers say `has_more: false` on every page, also on a full one."""
        received = items_of(raw) or []
        objects = [item for item in received if isinstance(item, dict)]
        ids = [found for found in (parsing.identifier(item.get("id")) for item in objects) if found]
        typed = [item_from_raw(item) for item in objects if parsing.identifier(item.get("id"))]
        envelope = parsing.mapping(raw)
        said = parsing.flag(envelope.get("has_more"))
        return cls(
            data=[item for item in typed if keep(item)],
            has_more=bool(received) and (said is not False or len(received) >= limit),
            said_more=said,
            is_full=len(received) >= limit,
            received=typed,
            first_id=ids[0] if ids else None,
            last_id=ids[-1] if ids else None,
            raw=raw,
        )

    def __iter__(self) -> Iterator[Item]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)


def items_of(raw: Json) -> list[Any] | None:
    """Finds the items of a list answer, an envelope or a bare array; None when it is no list."""
    if isinstance(raw, list):
        return raw
    if isinstance(raw, dict) and "data" in raw:
        items = raw["data"]
        return items if isinstance(items, list) else [] if items is None else None
    return None
