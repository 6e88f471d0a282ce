"""Parses what the address of the thread list asks for. Runs no query."""

from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.http import QueryDict

from runsdash.index.storage.keyset import KeysetOrder

LIMIT = 50
BY_RUN, BY_ADDITION = "-last_run_at", "-added_at"


@dataclass(frozen=True, kw_only=True)
class ThreadListQuery:
    sort: str = BY_RUN
    cursor: str = ""
    connection_slug: str = ""
    limit: int = LIMIT

    @property
    def is_by_addition(self) -> bool:
        return self.sort == BY_ADDITION

    @property
    def order(self) -> KeysetOrder:
        """Returns the order of rows. Keys of threads grow with the moment they were added."""
        return KeysetOrder("id") if self.is_by_addition else KeysetOrder("last_run_at")

    def by_addition(self) -> "ThreadListQuery":
        return replace(self, sort=BY_ADDITION, cursor="")

    def url_query(self, **changes: object) -> str:
        values = {"sort": self.sort if self.sort != BY_RUN else "", "connection": self.connection_slug} | changes
        given = {name: value for name, value in values.items() if value not in ("", None)}
        return f"?{urlencode(given)}" if given else "?"


def thread_list_query(query: QueryDict) -> ThreadListQuery:
    return ThreadListQuery(
        sort=BY_ADDITION if query.get("sort") == BY_ADDITION else BY_RUN,
        cursor=query.get("cursor", ""),
        connection_slug=query.get("connection", ""),
    )
