"""Describes one HTTP request to the API before it is sent, without server and key."""

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote

from . import checks
from .json_types import Json, JsonLike
from .objects.parsing import identifier, mapping

Scope = Literal["collection", "item", "action"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Holds one request. `path` starts with a slash, `ids` are the ids it names, and a `body` of None is not sent.

    `about` are fields by which an object in the answer would say that it is another than was asked for.
    `scope` says what a 404, 405 or 501 means: on a collection or an action that the server may not
    offer it, on an item that the id is unknown (docs/protocol.md).
    """

    operation: str
    method: str
    path: str
    scope: Scope
    ids: tuple[str, ...] = ()
    query: list[tuple[str, str]] = field(default_factory=list)
    about: dict[str, str] = field(default_factory=dict)
    body: dict[str, JsonLike] | None = None
    accept: str = "application/json"

    @property
    def is_write(self) -> bool:
        return self.method != "GET"

    def misnamed(self, value: Json) -> str:
        """Names the first field by which an object is not what was asked for; "" when it may be."""
        said = {name: identifier(mapping(value).get(name)) for name in self.about}
        return next((name for name, one in said.items() if one not in (None, self.about[name])), "")


def path_to(*words: str, **ids: str) -> str:
    """Joins a path with every id checked and quoted: `path_to("threads", "{thread_id}", thread_id=…)`."""
    quoted = {f"{{{name}}}": quote(checks.path_id(name, value), safe="") for name, value in ids.items()}
    return "".join(f"/{quoted.get(word, word)}" for word in words)
