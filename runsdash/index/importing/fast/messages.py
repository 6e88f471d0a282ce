"""Defines messages of the shape that nearly all have, texts without annotations, and makes their rows. Pure."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from runsdash.index.fulltext.run_texts import Text, spoken
from runsdash.index.importing.read_line import Context, ImportLine
from runsdash.index.importing.row_types import MessageRows
from runsdash.index.importing.rows_from_objects import body_rest, json_column
from runsdash.index.importing.timestamps import second_stamp, stamp
from runsdash.index.storage.keys import key_at
from runsdash.index.storage.previews import MAX_CALLS

from .fields import MaybeWord, Second, Short, Word, joined_texts

Nothing = Annotated[list, Meta(max_length=0)]


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
    role: Short
    content: Annotated[list[TextPart], Meta(max_length=MAX_CALLS)]
    run_id: MaybeWord = None
    assistant_id: MaybeWord = None
    status: Annotated[str, Meta(max_length=40)] | None = None
    completed_at: Second | None = None
    incomplete_at: Second | None = None
    incomplete_details: None = None
    attachments: Nothing | None = None
    metadata: dict[str, str] | None = None


def fast_message_rows(
    line: ImportLine, created_at: datetime, position: int, context: Context
) -> tuple[MessageRows, list[Text]]:
    """Makes the same as `rows_from_objects.message_rows`."""
    message, fetched = line.value, stamp(line.fetched_at, context)
    texts = [part.text.value for part in message.content]
    parts = [{"type": "text", "text": {"text": text, "size": len(text)}, "annotations": []} for text in texts]
    rows = MessageRows(
        key=key_at(message.created_at, connection_id=context.connection_id, upstream_id=message.id),
        upstream_id=message.id,
        thread_id=message.thread_id,
        run_id=message.run_id or "",
        fetched_at=line.fetched_at,
        created_at=created_at,
        position=position,
        rest=(  # in the order of MESSAGE_REST
            context.connection_id, message.id, message.run_id or "", message.assistant_id or "", message.role,
            message.status or "", "", second_stamp(message.created_at, context.zone), json_column(parts), "[]",
            json_column(message.metadata or {}), fetched,
        ),
        body=body_rest(line, fetched),
    )  # fmt: skip
    return rows, joined_texts([spoken(text) for text in texts if text])
