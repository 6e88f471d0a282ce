"""Messages of the shape that nearly all have: texts without marks. As `plain` does for steps, the same rows. Pure."""

from datetime import datetime
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct
from msgspec.json import Decoder

from runsdash.index.fulltext.run_texts import Text, spoken
from runsdash.index.importing.read_line import Context, ImportLine
from runsdash.index.importing.row_types import MessageRows
from runsdash.index.importing.rows_from_objects import body_rest, json_column
from runsdash.index.importing.timestamps import second_stamp, stamp
from runsdash.index.storage.keys import key_at
from runsdash.index.storage.previews import MAX_CALLS
from runsdash.index.storage.storable_text import ID_CHARS
from runsdash.service.objects import Message, parsing

from .calls import Word
from .steps import Second, decoded_line, together

IS_MESSAGE = b'"thread.message"'
Nothing = Annotated[list, Meta(max_length=0)]
Owner = Annotated[str, Meta(max_length=ID_CHARS)] | None
Short = Annotated[str, Meta(max_length=40)]


class TextValue(Struct, forbid_unknown_fields=True):
    value: str
    annotations: Nothing = []


class TextPart(Struct, forbid_unknown_fields=True, tag_field="type", tag="text"):
    text: TextValue


class FastMessage(Struct, forbid_unknown_fields=True):
    id: Word
    object: Literal["thread.message"]
    created_at: Second
    thread_id: Word
    role: Annotated[str, Meta(min_length=1, max_length=40)]
    content: Annotated[list[TextPart], Meta(max_length=MAX_CALLS)]
    run_id: Owner = None
    assistant_id: Owner = None
    status: Short | None = None
    completed_at: Second | None = None
    incomplete_at: Second | None = None
    incomplete_details: None = None
    attachments: Nothing | None = None
    metadata: dict[str, str] | None = None


decode = Decoder(FastMessage).decode


class DatedMessage(NamedTuple):
    """A message of any shape among those of its thread: what gives it its place there. `message`: of an odd one."""

    created_at: datetime | None
    role: str
    run_id: str | None
    line: ImportLine
    message: Message | None


def fast_message_line(text: bytes, *, read_at: datetime, context: Context) -> ImportLine | None:
    """The line of such a message, with a FastMessage for its value. None: it is something else."""
    if IS_MESSAGE not in text:
        return None
    return decoded_line(text, "thread.message", decode, read_at=read_at, context=context)


def dated_message(line: ImportLine) -> DatedMessage:
    value = line.value
    if isinstance(value, FastMessage):
        return DatedMessage(parsing.moment(value.created_at), value.role, value.run_id or None, line, None)
    message = Message.from_raw(value)
    return DatedMessage(message.created_at, message.role, message.run_id, line, message)


def fast_message_rows(
    line: ImportLine, created_at: datetime, position: int, context: Context
) -> tuple[MessageRows, list[Text]]:
    """As `making.message_rows`."""
    said, fetched, texts = line.value, stamp(line.fetched_at, context), [part.text.value for part in line.value.content]
    parts = [{"type": "text", "text": {"text": text, "size": len(text)}, "annotations": []} for text in texts]
    part = MessageRows(
        key=key_at(said.created_at, connection_id=context.connection_id, upstream_id=said.id),
        upstream_id=said.id,
        thread_id=said.thread_id,
        run_id=said.run_id or "",
        fetched_at=line.fetched_at,
        created_at=created_at,
        position=position,
        rest=(
            context.connection_id, said.id, said.run_id or "", said.assistant_id or "", said.role, said.status or "", "",
            second_stamp(said.created_at, context.zone), json_column(parts), "[]", json_column(said.metadata or {}), fetched,
        ),
        body=body_rest(line, fetched),
    )  # fmt: skip
    return part, together([spoken(text) for text in texts if text])
