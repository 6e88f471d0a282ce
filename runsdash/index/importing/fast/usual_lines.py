"""Reads lines of the shapes that nearly all have against schemas, in a third of the time.

What fits answers to the names of the service's objects, so the same rows are made of it; tests compare them. What does
not fit is left to `read_line`, which takes any shape. Pure.
"""

from datetime import datetime

from msgspec import DecodeError
from msgspec.json import Decoder

from runsdash.index.importing import export_fields
from runsdash.index.importing.read_line import OWNER_FIELDS, Context, ImportLine, age_of
from runsdash.index.storage.previews import SHORT_BODY_BYTES
from runsdash.service.decoding import may_be_deep
from runsdash.service.json_types import JsonObject

from .messages import UsualMessage
from .runs import UsualRun
from .steps import DETAILS, UsualStep

# What stands in a line of a kind, the kind, and how it is read.
SCHEMAS = (
    (b'"thread.run.step"', "thread.run.step", Decoder(UsualStep).decode),
    (b'"thread.message"', "thread.message", Decoder(UsualMessage).decode),
    (b'"thread.run"', "thread.run", Decoder(UsualRun).decode),
)
UNSTORABLE = (b"\\u0000", b"\\ud", b"\\uD")  # NUL, and what may be half a pair
AGE_ALONE = frozenset(("_fetched_at",))  # of what an export adds


def read_usual_line(text: bytes, *, read_at: datetime, context: Context) -> ImportLine | None:
    """Reads a line as a UsualStep, UsualMessage or UsualRun. None: it has another shape."""
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
        if isinstance(value, UsualStep) and not isinstance(value.step_details, DETAILS[value.type]):
            continue
        owner_id = getattr(value, OWNER_FIELDS[kind])
        return ImportLine(kind, value.id, owner_id, value, body, age_of(added, read_at, context), {}, [])
    return None


def is_simple(body: bytes, added: JsonObject) -> bool:
    """Is it short and flat, with nothing that no database takes, and did an export add its age at most?"""
    if len(body) >= SHORT_BODY_BYTES or not AGE_ALONE.issuperset(added) or may_be_deep(body):
        return False
    return not (b"\\u" in body and any(one in body for one in UNSTORABLE))
