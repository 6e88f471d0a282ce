"""Steps of the shape that nearly all have: messages, and calls of tools. Read against a schema, they are rows in a
third of the time that `making` takes, which reads every other shape, and makes the same rows. Pure.
"""

from datetime import datetime
from itertools import chain
from typing import Annotated, Literal, NamedTuple

from msgspec import DecodeError, Meta, Struct
from msgspec.json import Decoder

from runsdash.index.keys import key_for
from runsdash.index.previews import SHORT_BODY_BYTES
from runsdash.index.rows import MOST_TOKENS
from runsdash.service.objects import reading

from . import tail
from .making import Own, body_rest, json_column, stamp
from .plain_calls import Call, Calls, Word
from .reading import Context, Line, age_of

IS_STEP = b'"thread.run.step"'
UNSTORABLE = (b"\\u0000", b"\\ud", b"\\uD")  # NUL, and what may be half a pair
AGE_ALONE = frozenset(("_fetched_at",))  # of what an export adds
Second = Annotated[int, Meta(gt=0, lt=100_000_000_000)]
Count = Annotated[int, Meta(ge=0, lt=MOST_TOKENS)]


class Creation(Struct, forbid_unknown_fields=True):
    message_id: Word


class Written(Struct, forbid_unknown_fields=True, tag_field="type", tag="message_creation"):
    message_creation: Creation


class Usage(Struct, forbid_unknown_fields=True):
    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count


class Step(Struct, forbid_unknown_fields=True):
    id: Word
    object: Literal["thread.run.step"]
    created_at: Second
    run_id: Word
    type: Literal["tool_calls", "message_creation"]
    status: Annotated[str, Meta(min_length=1, max_length=40)]
    step_details: Calls | Written
    assistant_id: str | None = None
    thread_id: str | None = None
    cancelled_at: Second | None = None
    completed_at: Second | None = None
    expired_at: Second | None = None
    failed_at: Second | None = None
    expires_at: Second | None = None
    last_error: None = None
    usage: Usage | None = None
    metadata: dict[str, str] | None = None


decode = Decoder(Step).decode


class Plain(NamedTuple):
    """`created_at` and `type` give the step its place among those of its run."""

    created_at: datetime
    type: str
    line: Line
    step: Step


def plain_line(text: bytes, *, read_at: datetime, context: Context) -> Line | None:
    """The line of such a step, with a Step for its value. None: it is something else."""
    if IS_STEP not in text:
        return None
    body, added = tail.split(text.strip())
    if len(body) >= SHORT_BODY_BYTES or not AGE_ALONE.issuperset(added):
        return None
    if b"\\u" in body and any(one in body for one in UNSTORABLE):
        return None
    try:
        step = decode(body)
    except DecodeError:
        return None
    if step.type == "tool_calls" and not isinstance(step.step_details, Calls):
        return None
    if step.type == "message_creation" and not isinstance(step.step_details, Written):
        return None
    return Line("thread.run.step", step.id, step.run_id, step, body, age_of(added, read_at, context), {}, [])


def plain_step(line: Line) -> Plain:
    return Plain(reading.moment(line.value.created_at), line.value.type, line, line.value)


def own_plain(plain: Plain, context: Context, *, of: int, position: int) -> Own:
    """`of`: the key of its run."""
    step, calls = plain.step, calls_of(plain.step)
    key = key_for(connection_id=context.connection_id, upstream_id=step.id, created_at=plain.created_at)
    ended_at = step.completed_at or step.failed_at or step.cancelled_at or step.expired_at
    usage, fetched = step.usage, stamp(plain.line.fetched_at, context)
    kind, rows = (calls[0].kind, json_column([call.row() for call in calls])) if calls else ("message", "[]")
    row = (
        key, of, position, context.connection_id, step.id, step.type, kind, step.status,
        stamp(plain.created_at, context), stamp(reading.moment(ended_at), context),
        *((usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) if usage else (None, None, None)),
        "", "", "" if calls else step.step_details.message_creation.message_id, rows, len(calls), fetched,
    )  # fmt: skip
    names = list(dict.fromkeys(call.name for call in calls))
    texts = chain.from_iterable(call.texts() for call in calls)
    return Own(row, (key, *body_rest(plain.line, fetched)), names, len(calls), texts)


def calls_of(step: Step) -> list[Call]:
    return step.step_details.tool_calls if isinstance(step.step_details, Calls) else []
