"""What the address of a run list asks for: filter, order, page size, place. Parses, runs no query."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import QueryDict

from runsdash.index.filters import FilterError, RunFilter, parsed
from runsdash.index.keyset import Order

LIMITS = [25, 50, 100]
DEFAULT_LIMIT = 50
NEWEST_FIRST, OLDEST_FIRST = "-created_at", "created_at"
MAX_FILTER_CHARS = 2000
NO_FILTER = RunFilter()


@dataclass(frozen=True, kw_only=True)
class AskedRuns:
    """`text` is the filter as typed; `error` says what is wrong with it, and then `filter` is empty."""

    text: str = ""
    filter: RunFilter = NO_FILTER
    error: FilterError | None = None
    sort: str = NEWEST_FIRST
    limit: int = DEFAULT_LIMIT
    cursor: str = ""
    connection_slug: str = ""

    @property
    def order(self) -> Order:
        return Order("id", is_descending=self.sort == NEWEST_FIRST)

    @property
    def is_first_page(self) -> bool:
        """Newest first, from the start: the page that newer runs would come to."""
        return self.sort == NEWEST_FIRST and not self.cursor

    def url_query(self, **changes: object) -> str:
        """`?…` with some values changed. What equals its default is left out; a change starts at the first page."""
        values = {
            "q": self.text,
            "sort": self.sort if self.sort != NEWEST_FIRST else "",
            "limit": self.limit if self.limit != DEFAULT_LIMIT else "",
            "connection": self.connection_slug,
        } | changes
        given = {name: value for name, value in values.items() if value not in ("", None)}
        return f"?{urlencode(given)}" if given else "?"


def asked_runs(query: QueryDict) -> AskedRuns:
    """Never fails: a filter that cannot be read leaves its error in `error`."""
    text = query.get("q", "").strip()[:MAX_FILTER_CHARS]
    found, error = NO_FILTER, None
    try:
        found = parsed(text)
    except FilterError as refused:
        error = refused
    limit = query.get("limit", "")
    return AskedRuns(
        text=text,
        filter=found,
        error=error,
        sort=OLDEST_FIRST if query.get("sort") == OLDEST_FIRST else NEWEST_FIRST,
        limit=int(limit) if limit in {str(one) for one in LIMITS} else DEFAULT_LIMIT,
        cursor=query.get("cursor", ""),
        connection_slug=query.get("connection", ""),
    )
