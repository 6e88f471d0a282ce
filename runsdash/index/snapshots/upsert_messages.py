"""Writes messages of one thread as fetched, each at its place in the conversation, with their words."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from runsdash.index.fulltext import writer
from runsdash.index.models import Message, MessageBody, Thread
from runsdash.index.storage.changes import messages_changed
from runsdash.index.storage.locks import hold_thread
from runsdash.index.storage.sql_writes import Row, upsert_rows
from runsdash.index.storage.storable_text import dumped, stored_id
from runsdash.service import objects

from . import rows
from .known_rows import digests_of, keys_for_new, known_rows
from .message_order import in_place


def upsert_messages(
    thread: Thread,
    messages: Sequence[objects.Message],
    *,
    fetched_at: datetime,
    goes_back: bool = False,
    is_reversed: bool = False,
) -> list[Message]:
    """Writes messages, oldest first, and returns their rows. `goes_back`: they are older than all that is there.

    `is_reversed`: the server listed them newest first.

    No rows, when the thread was purged while they were on their way.
    """
    messages = list({message.id: message for message in messages if message.id}.values())
    ids = [stored_id(message.id) for message in messages]
    with transaction.atomic():
        if not hold_thread(thread.pk):
            return []
        known = known_rows(Message, connection=thread.connection, ids=ids)
        places = {upstream_id: row.position for upstream_id, row in known.items()}
        dated = rows.positioned_messages(messages, fallback=fetched_at, known=places, is_reversed=is_reversed)
        dated = in_place(thread, dated, known=known, goes_back=goes_back)
        keys = keys_for_new(Message, thread.connection, known, [(one.id, created_at) for one, created_at, _ in dated])
        digests = digests_of(MessageBody, known.values())
        changed: dict[int, tuple[Message, objects.Message]] = {}
        same: list[int] = []
        ordered: list[Message] = []
        reworded: list[Message] = []
        for message, created_at, position in dated:
            upstream_id = stored_id(message.id)
            row = known.get(upstream_id)
            if row is None:
                known[upstream_id] = row = Message(
                    id=keys[upstream_id],
                    connection_id=thread.connection_id,
                    upstream_id=upstream_id,
                    thread=thread,
                    created_at=created_at,
                    fetched_at=fetched_at,
                )
            elif row.fetched_at > fetched_at:
                ordered.append(row)
                continue
            elif row.position == position and digests.get(row.pk) == rows.digest_of(dumped(message.raw)):
                same.append(row.pk)
                ordered.append(row)
                continue
            parts = row.parts
            for name, value in rows.message_columns(message, position=position).items():
                setattr(row, name, value)
            if row.parts != parts:
                reworded.append(row)
            row.fetched_at = fetched_at
            changed[row.pk] = row, message
            ordered.append(row)
        Message.objects.filter(pk__in=same).update(fetched_at=fetched_at)
        if not changed:
            return ordered
        names = [field.attname for field in Message._meta.concrete_fields]
        upsert_rows(Message, [{name: getattr(row, name) for name in names} for row, _ in changed.values()])
        bodies = [message_body(row, one, fetched_at=fetched_at) for row, one in changed.values()]
        upsert_rows(MessageBody, bodies)
        writer.index_messages(thread, reworded)
        messages_changed([thread.pk])
    return ordered


def message_body(row: Message, message: objects.Message, *, fetched_at: datetime) -> Row:
    return {"message_id": row.pk, **rows.body_row(message.raw, fetched_at=fetched_at)}
