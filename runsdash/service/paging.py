"""Walks a list from page to page, by one rule for every list, and iterates over its items.

A walk ends at a page without a new id, at an empty one, and at a short one whose server says no more. After a full page
the next one is requested, whatever `has_more` says. A walk that may have missed something is doubted, never whole. The
reasons are servers that deviate (docs/protocol.md#paging):

- One that ignores `after`, or begins with the cursor's own item, repeats itself before its list is over.
- One that compares `created_at` alone leaves out what shares the cursor's second. Therefore a page begins before the
  last second of the page before it. When that page is all of one second, this cannot be done. Then the next page has
  to show more of that second; if it does not, the walk is doubted. A page that holds nothing but the second that
  it began before is followed by one from the farthest item.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Generic, TypeVar

from .json_types import JsonLike
from .objects import Page

Item = TypeVar("Item")
Seen = dict[str, datetime | None]  # created_at by id


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Says how far a walk is after a page. `cursor` is where it goes on, or would when the list has grown."""

    cursor: str | None
    is_over: bool
    is_doubted: bool

    @property
    def is_whole(self) -> bool:
        """Says whether the walk has come to the end and missed nothing."""
        return self.is_over and not self.is_doubted


def stage_after(page: Page, *, after: str | None, seen: Seen, is_doubted: bool = False) -> Stage:
    """Computes where a walk stands after the page that `after` brought.

    `seen` is what this walk has seen, in its order, the cursor's own item included. `is_doubted` is that of the stage
    before.
    """
    behind = items_behind(page, after=after)
    news = [item for item in behind if item.id not in seen]
    ahead = list(takewhile(lambda one: one != after, reversed(seen))) if after in seen else []
    if not news and page.has_more and ahead:  # what had been seen behind the cursor came again
        return Stage(cursor=ahead[0], is_over=False, is_doubted=is_doubted or page.is_full)
    if not news:
        is_end = not page.is_full and (not page.said_more or all(item.id == after for item in page.received))
        has_moved = page.has_more and bool(behind)  # the list grew ahead of what is shown again here
        return Stage(cursor=after, is_over=True, is_doubted=is_doubted or has_moved or not is_end)
    begun_at = seen.get(after) if after else None
    keeps_ties = begun_at is not None and any(item.created_at == begun_at for item in news)
    last = news[-1]
    onward = [item for item in behind if item.id not in seen or item.id in ahead]
    before = [item for item in onward if last.created_at is not None and item.created_at != last.created_at]
    may_lose_ties = page.is_full and last.created_at is not None and not before
    return Stage(
        cursor=(before or news)[-1].id,
        is_over=not page.has_more,
        is_doubted=not keeps_ties and (is_doubted or may_lose_ties),
    )


def items_behind(page: Page, *, after: str | None) -> list:
    """Returns the items of a page behind the cursor's own, if that is repeated."""
    places = [place for place, item in enumerate(page.received) if item.id == after]
    return page.received[places[-1] + 1 :] if places else page.received


class Walk(Generic[Item]):
    """Iterates over the items of all pages of a list, each id once.

    At the end `stage.is_whole` says whether they were certainly all. On the way `stage.is_doubted` says whether one
    may have been missed so far.
    """

    def __init__(self, list_page: Callable[..., Page], *, after: str | None = None, **parameters: JsonLike) -> None:
        self.stage = Stage(cursor=after, is_over=False, is_doubted=False)
        self._items = self._items_of_all_pages(list_page, parameters)

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        return next(self._items)

    def _items_of_all_pages(self, list_page: Callable[..., Page], parameters: Mapping[str, JsonLike]) -> Iterator[Item]:
        seen: dict[str, datetime | None] = {}
        while not self.stage.is_over:
            before = self.stage
            page = list_page(after=before.cursor, **parameters)
            self.stage = stage_after(page, after=before.cursor, seen=seen, is_doubted=before.is_doubted)
            news = [item for item in page.data if item.id not in seen]
            seen |= {item.id: item.created_at for item in page.received}
            yield from {item.id: item for item in news}.values()
