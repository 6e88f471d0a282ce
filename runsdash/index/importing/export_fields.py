"""What an export adds to an object and an import takes away again: keys that begin with `_`, at the end of the line.

They are spliced on as text, so the body between stays byte for byte as it was received:
- `_fetched_at`: when the request of this snapshot was sent (every object; null: a file that is still wanted)
- `_seen`: [[status, time], …], the status changes seen (runs)
- `_kept`: columns that the body alone does not tell (runs, threads)
- `_object`, `_owner`: what it is, and the id of its thread or run, where the server left that out
"""

import json
from typing import NamedTuple

FIRST = b',"_fetched_at":'
NAMES = frozenset(("_fetched_at", "_seen", "_kept", "_object", "_owner"))


def with_fields(body: bytes, fields: dict) -> bytes:
    """`fields` must begin with `_fetched_at`."""
    return body[:-1] + b"," + json.dumps(fields, separators=(",", ":")).encode()[1:]


class ExportedObject(NamedTuple):
    """An object as it goes out: its JSON text as received, and what that does not tell."""

    id: str
    body: bytes
    fields: dict

    @property
    def line(self) -> bytes:
        return with_fields(self.body, self.fields) + b"\n"


def split_fields(line: bytes) -> tuple[bytes, dict]:
    """(body, fields) of a line; the fields is empty when nothing was added."""
    start = line.rfind(FIRST)
    if start < 0:
        return line, {}
    try:
        fields = json.loads(b"{" + line[start + 1 :])
    except (ValueError, RecursionError):
        return line, {}  # the name stands inside the object
    if not NAMES.issuperset(fields):
        return line, {}  # the server has a key of that name
    return line[:start] + b"}", fields
