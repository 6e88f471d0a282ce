"""How far the walk back through a thread's messages has got: `messages_cursor` is about the oldest it has reached."""

from typing import Any

from django.db.models import QuerySet

from runsdash.index.models import Message, Thread
from runsdash.index.storage.column_types import Columns
from runsdash.index.storage.storable_text import stored_id
from runsdash.index.walks import rests, walk_columns
from runsdash.service.objects import Page


def note_newest(thread: Thread, page: Page[Any]) -> None:
    """Before the newest page is taken: it begins the walk, or begins it anew when it leaves a gap to what is here."""
    columns = walk_columns(thread, "messages", page, after="", known_rows=messages_of(thread))
    rows = Thread.objects.filter(pk=thread.pk)
    if not thread.has_all_messages and not thread.messages_cursor:
        begun = rows.filter(messages_cursor="", has_all_messages=False)
        is_moved = not rests(thread, "messages") and begun.update(**columns)
    else:
        leaves_gap = page.has_more and not any_known(thread, page)
        is_moved = leaves_gap and rows.update(**columns)
    if is_moved:
        take(thread, columns)


def note_older(thread: Thread, page: Page[Any], *, after: str) -> None:
    """Before a page older than `after` is taken. Only one that follows the walk moves it: others may have moved it."""
    columns = walk_columns(thread, "messages", page, after=after, known_rows=messages_of(thread))
    rows = Thread.objects.filter(pk=thread.pk, messages_cursor=after, has_all_messages=False)
    if rows.update(**columns):
        take(thread, columns)


def take(thread: Thread, columns: Columns) -> None:
    for name, value in columns.items():
        setattr(thread, name, value)


def messages_of(thread: Thread) -> QuerySet[Message]:
    return Message.objects.filter(connection=thread.connection_id)


def any_known(thread: Thread, page: Page[Any]) -> bool:
    ids = [stored_id(message.id) for message in page.data if message.id]
    return Message.objects.filter(thread=thread, upstream_id__in=ids).exists()
