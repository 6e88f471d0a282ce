"""Steps of the shape that nearly all have: messages, and calls of tools. Read against a schema, they are rows in a
third of the time that `making` takes, which reads every other shape, and makes the same rows. Pure.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Annotated, Literal, NamedTuple

from msgspec import DecodeError, Meta, Raw, Struct
from msgspec.json import Decoder

from runsdash.index.fulltext.run_texts import Text
from runsdash.index.importing import export_fields
from runsdash.index.importing.read_line import OWNER_FIELDS, Context, ImportLine, age_of
from runsdash.index.importing.rows_from_objects import StepRows, body_rest, json_column
from runsdash.index.importing.timestamps import second_stamp, stamp
from runsdash.index.snapshots.rows import MOST_TOKENS, bounded, position_at
from runsdash.index.storage.keys import key_at
from runsdash.index.storage.previews import SHORT_BODY_BYTES
from runsdash.service.decoding import may_be_deep
from runsdash.service.objects import parsing

from .calls import Call, CallDetails, Word

IS_STEP = b'"thread.run.step"'
UNSTORABLE = (b"\\u0000", b"\\ud", b"\\uD")  # NUL, and what may be half a pair
AGE_ALONE = frozenset(("_fetched_at",))  # of what an export adds
Second = Annotated[int, Meta(gt=0, lt=100_000_000_000)]
Count = Annotated[int, Meta(ge=0, lt=MOST_TOKENS)]


class Creation(Struct, forbid_unknown_fields=True):
    message_id: Word


class CreationDetails(Struct, forbid_unknown_fields=True, tag_field="type", tag="message_creation"):
    message_creation: Creation


class FastUsage(Struct, forbid_unknown_fields=True):
    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count
    prompt_token_details: Raw = Raw()
    completion_tokens_details: Raw = Raw()


class FastStep(Struct, forbid_unknown_fields=True):
    id: Word
    object: Literal["thread.run.step"]
    created_at: Second
    run_id: Word
    type: Literal["tool_calls", "message_creation"]
    status: Annotated[str, Meta(min_length=1, max_length=40)]
    step_details: CallDetails | CreationDetails
    assistant_id: str | None = None
    thread_id: str | None = None
    cancelled_at: Second | None = None
    completed_at: Second | None = None
    expired_at: Second | None = None
    failed_at: Second | None = None
    expires_at: Second | None = None
    last_error: None = None
    usage: FastUsage | None = None
    metadata: dict[str, str] | None = None


decode = Decoder(FastStep).decode
DETAILS = {"tool_calls": CallDetails, "message_creation": CreationDetails}


class Plain(NamedTuple):
    """Such a step among others. `created_at` and `type` give it its place."""

    created_at: datetime
    type: str
    line: ImportLine


def fast_step_line(text: bytes, *, read_at: datetime, context: Context) -> ImportLine | None:
    """The line of such a step, with a FastStep for its value. None: it is something else."""
    if IS_STEP not in text:
        return None
    line = decoded_line(text, "thread.run.step", decode, read_at=read_at, context=context)
    if line is None or not isinstance(line.value.step_details, DETAILS[line.value.type]):
        return None
    return line


def decoded_line(
    text: bytes, kind: str, decode: Callable[[bytes], Struct], *, read_at: datetime, context: Context
) -> ImportLine | None:
    """A line of this kind, read against the schema of `decode`. None: it does not fit, or is not plain."""
    body, added = export_fields.split_fields(text.strip())
    if not may_be_fast(body, added):
        return None
    try:
        value = decode(body)
    except DecodeError:
        return None
    return ImportLine(
        kind, value.id, getattr(value, OWNER_FIELDS[kind]), value, body, age_of(added, read_at, context), {}, []
    )


def may_be_fast(body: bytes, added: dict) -> bool:
    """Short and flat, with nothing that no database takes, and an export added its age at most."""
    if len(body) >= SHORT_BODY_BYTES or not AGE_ALONE.issuperset(added) or may_be_deep(body):
        return False
    return not (b"\\u" in body and any(one in body for one in UNSTORABLE))


def plain_step(line: ImportLine) -> Plain:
    return Plain(parsing.moment(line.value.created_at), line.value.type, line)


def fast_positions(lines: Iterable[ImportLine], run_created_at: datetime) -> Iterator[tuple[ImportLine, int]]:
    """Such steps of a run in their order, with the positions that `rows.positioned_steps` gives them."""
    began, last, within = run_created_at.timestamp(), None, 0
    for line in sorted(lines, key=order_of):
        second, is_message = order_of(line)
        base = position_at(bounded(int(second - began)), is_message=is_message, within=0)
        within = within + 1 if base == last else 0
        last = base
        yield line, base | within


def order_of(line: ImportLine) -> tuple[int, bool]:
    return line.value.created_at, line.value.type == "message_creation"


def fast_step_rows(line: ImportLine, context: Context, *, of: int, position: int) -> StepRows:
    """`of`: the key of its run."""
    step, calls = line.value, calls_of(line.value)
    key = key_at(step.created_at, connection_id=context.connection_id, upstream_id=step.id)
    ended_at = step.completed_at or step.failed_at or step.cancelled_at or step.expired_at
    usage, fetched, zone = step.usage, stamp(line.fetched_at, context), context.zone
    kind, rows = (calls[0].kind, json_column([call.row() for call in calls])) if calls else ("message", "[]")
    row = (
        key, of, position, context.connection_id, step.id, step.type, kind, step.status,
        second_stamp(step.created_at, zone), second_stamp(ended_at, zone),
        *((usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) if usage else (None, None, None)),
        "", "", "" if calls else step.step_details.message_creation.message_id, rows, len(calls), fetched,
    )  # fmt: skip
    names = list(dict.fromkeys(call.name for call in calls))
    texts = together([text for call in calls for text in call.texts()])
    return StepRows(row, (key, *body_rest(line, fetched)), names, len(calls), texts)


def together(texts: list[str]) -> list[Text]:
    """Short texts as one, which is quicker to split into words, where that takes no other way for all of them."""
    whole = " ".join(texts)
    return [(whole, False)] if whole.isascii() else [(text, False) for text in texts]


def calls_of(step: FastStep) -> list[Call]:
    return step.step_details.tool_calls if isinstance(step.step_details, CallDetails) else []
