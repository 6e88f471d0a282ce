"""Describes one HTTP request to the API before it is sent, without server and key."""

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote

from . import checks

Scope = Literal["collection", "item", "action"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Holds one request. `path` starts with a slash, `ids` are the ids it names, and a `body` of None is not sent.

    `scope` says what a 404, 405 or 501 means: on a collection or an action that the server may not
    offer it, on an item that the id is unknown (docs/protocol.md).
    """

    operation: str
    method: str
    path: str
    scope: Scope
    ids: tuple[str, ...] = ()
    query: list[tuple[str, str]] = field(default_factory=list)
    body: dict[str, object] | None = None
    accept: str = "application/json"

    @property
    def object_id(self) -> str | None:
        """Names the object that has to be answered; None where the server chooses it."""
        return None if self.scope == "collection" else self.ids[-1]

    @property
    def is_write(self) -> bool:
        return self.method != "GET"


def path_to(*words: str, **ids: str) -> str:
    """Joins a path with every id checked and quoted: `path_to("threads", "{thread_id}", thread_id=…)`."""
    quoted = {f"{{{name}}}": quote(checks.path_id(name, value), safe="") for name, value in ids.items()}
    return "".join(f"/{quoted.get(word, word)}" for word in words)
