"""Adds fields to an exported object, and takes them away again: keys that begin with `_`, at the end of the line.

They are spliced on as text, so the body between stays byte for byte as it was received:
- `_fetched_at`: when the request of this snapshot was sent (every object; null: a file that is still wanted)
- `_seen`: [[status, time], …], the status changes seen (runs)
- `_kept`: columns that the body alone does not say (runs, threads)
- `_object`, `_owner`: what it is, and the id of its thread or run, where the server left that out
"""

import json
from typing import NamedTuple

from runsdash.service.decoding import strict_json
from runsdash.service.json_types import JsonObject

FIRST = b',"_fetched_at":'
NAMES = frozenset(("_fetched_at", "_seen", "_kept", "_object", "_owner"))


def with_fields(body: bytes, fields: JsonObject) -> bytes:
    """Adds `fields`, of which `_fetched_at` must be the first."""
    return body[:-1] + b"," + json.dumps(fields, separators=(",", ":")).encode()[1:]


class ExportedObject(NamedTuple):
    """Holds an object as it goes out: its JSON text as received, and what that does not say."""

    id: str
    body: bytes
    fields: JsonObject

    @property
    def line(self) -> bytes:
        return with_fields(self.body, self.fields) + b"\n"


def split_fields(line: bytes) -> tuple[bytes, JsonObject]:
    """Returns (body, fields) of a line; no fields when nothing was added."""
    start = line.rfind(FIRST)
    if start < 0:
        return line, {}
    try:
        fields = strict_json(b"{" + line[start + 1 :])
    except (ValueError, RecursionError):
        return line, {}  # the name stands inside the object
    if not NAMES.issuperset(fields):
        return line, {}  # the server has a key of that name
    return line[:start] + b"}", fields
