"""Reads lines of the shapes that nearly all have against schemas, in a third of the time.

What fits becomes the same rows as by `rows_from_objects`, which takes any shape; tests compare the two. What does not
fit is left to it. Pure.
"""

from datetime import datetime

from msgspec import DecodeError
from msgspec.json import Decoder

from runsdash.index.importing import export_fields
from runsdash.index.importing.read_line import OWNER_FIELDS, Context, ImportLine, age_of
from runsdash.index.storage.previews import SHORT_BODY_BYTES
from runsdash.service.decoding import may_be_deep

from .messages import FastMessage
from .runs import FastRun
from .steps import DETAILS, FastStep

# What stands in a line of a kind, the kind, and how it is read.
SCHEMAS = (
    (b'"thread.run.step"', "thread.run.step", Decoder(FastStep).decode),
    (b'"thread.message"', "thread.message", Decoder(FastMessage).decode),
    (b'"thread.run"', "thread.run", Decoder(FastRun).decode),
)
UNSTORABLE = (b"\\u0000", b"\\ud", b"\\uD")  # NUL, and what may be half a pair
AGE_ALONE = frozenset(("_fetched_at",))  # of what an export adds


def read_usual_line(text: bytes, *, read_at: datetime, context: Context) -> ImportLine | None:
    """Reads a line whose value is then a FastStep, FastMessage or FastRun. None: it has another shape."""
    for marker, kind, decode in SCHEMAS:
        if marker not in text:
            continue
        body, added = export_fields.split_fields(text.strip())
        if not is_simple(body, added):
            return None
        try:
            value = decode(body)
        except DecodeError:
            continue
        if kind == "thread.run.step" and not isinstance(value.step_details, DETAILS[value.type]):
            continue
        owner_id = getattr(value, OWNER_FIELDS[kind])
        return ImportLine(kind, value.id, owner_id, value, body, age_of(added, read_at, context), {}, [])
    return None


def is_simple(body: bytes, added: dict) -> bool:
    """Is it short and flat, with nothing that no database takes, and did an export add its age at most?"""
    if len(body) >= SHORT_BODY_BYTES or not AGE_ALONE.issuperset(added) or may_be_deep(body):
        return False
    return not (b"\\u" in body and any(one in body for one in UNSTORABLE))
