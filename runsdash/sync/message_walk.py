"""How far the walk back through a thread's messages has got: `messages_cursor` is the oldest it has reached."""

from runsdash.index.models import Message, Thread
from runsdash.index.texts import stored_id
from runsdash.service.objects import Page


def note_newest(thread: Thread, page: Page) -> None:
    """Before the newest page is taken: it begins the walk, or begins it anew when it leaves a gap to what is here."""
    last = oldest_of(page)
    rows = Thread.objects.filter(pk=thread.pk)
    if not thread.has_all_messages and not thread.messages_cursor:
        begun = rows.filter(messages_cursor="", has_all_messages=False)
        is_moved = begun.update(messages_cursor=last, has_all_messages=not page.has_more)
    else:
        leaves_gap = page.has_more and not any_known(thread, page)
        is_moved = leaves_gap and rows.update(messages_cursor=last, has_all_messages=False)
    if is_moved:
        thread.messages_cursor, thread.has_all_messages = last, not page.has_more


def note_older(thread: Thread, page: Page, *, after: str) -> None:
    """A page of messages older than `after`. Only one that follows the walk moves it: others may have moved it."""
    last = oldest_of(page) or after
    is_over = not page.has_more or last == after
    rows = Thread.objects.filter(pk=thread.pk, messages_cursor=after, has_all_messages=False)
    if rows.update(messages_cursor=last, has_all_messages=is_over):
        thread.messages_cursor, thread.has_all_messages = last, is_over


def oldest_of(page: Page) -> str:
    return stored_id(page.data[-1].id) if page.data and page.data[-1].id else ""


def any_known(thread: Thread, page: Page) -> bool:
    ids = [stored_id(message.id) for message in page.data if message.id]
    return Message.objects.filter(thread=thread, upstream_id__in=ids).exists()
