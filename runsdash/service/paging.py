"""Walks a list from page to page and always comes to an end.

It stops on an empty page, on a page without news (a repeated id), when the server says that there is no
more, or when a page is short and the server says nothing (API.md section 6, rule 6).
"""

from collections.abc import Callable, Iterator

from runsdash.service.objects import Page


def items_of_all_pages(list_page: Callable[..., Page], **parameters: object) -> Iterator:
    """Yields the items of `list_page(**parameters)` and of every page after it, each id once."""
    seen: set[str] = set()
    after = parameters.pop("after", None)
    while True:
        page = list_page(after=after, **parameters)
        news = [item for item in page.data if item.id not in seen]
        yield from news
        repeats = len(news) < len(page.data) or page.last_id in seen
        seen.update(item.id for item in page.data)
        if repeats or not page.has_more or page.last_id is None:
            return
        seen.add(page.last_id)
        after = page.last_id
