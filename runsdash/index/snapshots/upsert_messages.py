"""Writes messages of one thread as fetched, each at its place in the conversation, with their words."""

from collections.abc import Sequence
from dataclasses import dataclass, field
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
        placed = rows.positioned_messages(messages, fallback=fetched_at, known=places, is_reversed=is_reversed)
        dated = in_place(thread, placed, known=known, goes_back=goes_back)
        keys = keys_for_new(Message, thread.connection, known, [(one.id, created_at) for one, created_at, _ in dated])
        digests = digests_of(MessageBody, known.values())
        looked = Looked()
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
                looked.ordered.append(row)
                continue
            elif row.position == position and digests.get(row.pk) == rows.digest_of(dumped(message.raw)):
                looked.same.append(row.pk)
                looked.ordered.append(row)
                continue
            row.fetched_at = fetched_at
            looked.take(row, message, position=position)
        if looked.same:
            Message.objects.filter(pk__in=looked.same).update(fetched_at=fetched_at)
        if looked.changed:
            write_changed(thread, looked, fetched_at=fetched_at)
    return looked.ordered


@dataclass
class Looked:
    """Sorts the rows of an answer. `reworded` are those of the changed ones whose text differs."""

    ordered: list[Message] = field(default_factory=list)
    same: list[int] = field(default_factory=list)
    changed: dict[int, tuple[Message, objects.Message]] = field(default_factory=dict)
    reworded: list[Message] = field(default_factory=list)

    def take(self, row: Message, message: objects.Message, *, position: int) -> None:
        """Gives a row the columns of its message."""
        parts = row.parts
        for name, value in rows.message_columns(message, position=position).items():
            setattr(row, name, value)
        if row.parts != parts:
            self.reworded.append(row)
        self.changed[row.pk] = row, message
        self.ordered.append(row)


def write_changed(thread: Thread, looked: Looked, *, fetched_at: datetime) -> None:
    names = [field.attname for field in Message._meta.concrete_fields]
    upsert_rows(Message, [{name: getattr(row, name) for name in names} for row, _ in looked.changed.values()])
    bodies = [message_body(row, one, fetched_at=fetched_at) for row, one in looked.changed.values()]
    upsert_rows(MessageBody, bodies)
    writer.index_messages(thread, looked.reworded)
    messages_changed([thread.pk])


def message_body(row: Message, message: objects.Message, *, fetched_at: datetime) -> Row:
    return {"message_id": row.pk, **rows.body_row(message.raw, fetched_at=fetched_at)}
