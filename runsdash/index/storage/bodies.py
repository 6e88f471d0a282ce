"""Reads bodies back as received, and makes what pages show of them."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db.models import Case, F, QuerySet, When
from isal.isal_zlib import decompress, decompressobj

from runsdash.index.models.bodies import Body, RunBody, StepBody
from runsdash.service import objects
from runsdash.service.json_types import JsonObject

from .previews import SHORT_BODY_BYTES, run_preview, step_preview

CHUNK_BYTES = 64 * 1024
PLAIN = b"{"  # the first byte of a body that was too short to pack


class Shown(NamedTuple):
    """Holds what pages show of a body, without the body. `size`: bytes of its JSON text."""

    key: int
    preview: JsonObject
    digest: str
    size: int


def raw_chunks(body: Body) -> Iterator[bytes]:
    """Yields the JSON text as received, in chunks, so that a download of any size needs little memory."""
    packed = bytes(body.raw)
    if packed.startswith(PLAIN):
        yield packed
        return
    unpacker = decompressobj()
    for start in range(0, len(packed), CHUNK_BYTES):
        chunk = unpacker.decompress(packed[start : start + CHUNK_BYTES])
        if chunk:
            yield chunk
    yield unpacker.flush()


def raw_text(body: Body) -> str:
    return b"".join(raw_chunks(body)).decode()


def raw_object(body: Body) -> JsonObject:
    found: JsonObject = json.loads(raw_text(body))
    return found


def made_preview(model: type[Body], raw: bytes) -> JsonObject:
    value = json.loads(unpacked(raw))
    if model is RunBody:
        return run_preview(objects.Run.from_raw(value))
    return step_preview(objects.RunStep.from_raw(value)) if model is StepBody else {}


def short_body(body: str = "") -> Case:
    """Leaves the body of a long object where it is: its preview is stored."""
    return Case(When(**{f"{body}size__lt": SHORT_BODY_BYTES}, then=F(f"{body}raw")))


def preview_in(row: Any, model: type[Body]) -> JsonObject:
    """Returns the preview of a row that was read with `preview` and, as `short`, what `short_body` leaves."""
    return row.preview or (made_preview(model, bytes(row.short)) if row.short else {})


def shown(bodies: QuerySet[Body]) -> Iterator[Shown]:
    """Yields each body's preview. A long body is not read: it has its preview stored."""
    found = bodies.values_list("pk", "preview", short_body(), "digest", "size")
    for key, stored, raw, digest, size in found.iterator(chunk_size=100):
        preview = stored or (made_preview(bodies.model, bytes(raw)) if raw else {})
        yield Shown(key, preview, digest, size)


def unpacked(raw: bytes) -> bytes:
    """Returns the JSON text of a stored body, at once."""
    return raw if raw.startswith(PLAIN) else decompress(raw)
