"""Reads a line as an object with its body and age. Takes what is harmless, refuses the rest with a sentence."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import orjson
from msgspec import Struct

from runsdash.index.storage.storable_text import dumped, stored_id
from runsdash.service.decoding import Undecodable, decode_json, is_too_deep
from runsdash.service.json_types import Json, JsonObject
from runsdash.service.objects import parsing

from . import export_fields
from .blocks import REASONS

KINDS = ("thread", "thread.run", "thread.run.step", "thread.message")
OWNER_FIELDS = {"thread.run": "thread_id", "thread.run.step": "run_id", "thread.message": "thread_id"}
ONLY_ID = "is_only_id"  # beside a thread that was never read: its line says how much of it is here
NUL = b"\\u0000"


class BadLine(ValueError):
    """Refuses a line that is no object of the API. The message is a sentence for people."""


@dataclass(frozen=True)
class Context:
    """Holds what all lines of an import share. `zone`: how this engine writes UTC behind a time.

    `is_archive`: nothing can be fetched, so the steps that are there are all steps there will be.
    """

    connection_id: int
    now: datetime
    zone: str = ""
    is_archive: bool = False


class ImportLine(NamedTuple):
    """Holds an object. `body` is its JSON text as received; `kept` and `seen`: what an export said beside it.

    `id` as the index keeps it; `owner_id`: that of its thread or run, "" of a thread. `value`: its JSON, or what
    `read_usual_line` made of it.
    """

    kind: str
    id: str
    owner_id: str
    value: JsonObject | Struct
    body: bytes
    fetched_at: datetime
    kept: JsonObject
    seen: list[Json]


def read_line(line: bytes, *, read_at: datetime, context: Context) -> ImportLine:
    """Raises BadLine."""
    body, added = export_fields.split_fields(line.strip())
    value, body = decoded(body)
    if not isinstance(value, dict):
        raise BadLine("it is not a JSON object")
    kind = added.get("_object", value.get("object"))
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadLine(f"its object is {str(kind)[:40]!r}, not one of {', '.join(KINDS)}")
    own_id = parsing.identifier(value.get("id"))
    if not own_id:
        raise BadLine(f"this {kind} has no id")
    name = OWNER_FIELDS.get(kind)
    if name and "_owner" in added:
        value[name] = added["_owner"]
    owner = parsing.identifier(value.get(name)) if name else ""
    if owner is None:
        raise BadLine(f"this {kind} has no {name}")
    kept, seen = parsing.mapping(added.get("_kept")), parsing.listing(added.get("_seen"))
    return ImportLine(kind, stored_id(own_id), owner, value, body, age_of(added, read_at, context), kept, seen)


def age_of(added: JsonObject, read_at: datetime, context: Context) -> datetime:
    return min(parsing.moment(added.get("_fetched_at")) or read_at, context.now)


def decoded(body: bytes) -> tuple[Json, bytes]:
    """Returns (value, body). What a strict reader refuses is read leniently, and its body is then written anew."""
    if NUL not in body:
        with suppress(orjson.JSONDecodeError):
            value = orjson.loads(body)
            if not is_too_deep(body, value):
                return value, body
    try:
        value = decode_json(body)
    except Undecodable as error:
        raise BadLine(REASONS.get(body, str(error))) from None
    return value, dumped(value)
