"""Reads a thread with marks of what its page asks for now and then: most threads have none of it."""

from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404

from runsdash.accounts.guards import UserRequest
from runsdash.actions.settle.settle_unclear import settle_thread, unclear_intents
from runsdash.dashboard.shell.copy_age import with_reason
from runsdash.dashboard.shell.lookup import connection_of
from runsdash.index.models import Connection, Label, Note, Thread
from runsdash.index.storage.storable_text import stored_id
from runsdash.prepared import Prepared
from runsdash.sync.refresh import THREAD_AGE_S, copy_if_unwritable, is_fresh_thread, refresh_thread


def with_marks(upstream_id: str) -> QuerySet[Thread]:
    """Finds threads of all connections with this id."""
    threads = Thread.objects.filter(connection__in=Connection.objects.order_by().values("pk"), upstream_id=upstream_id)
    notes, labels = (model.objects.filter(thread=OuterRef("pk"), run=None) for model in (Note, Label))
    return threads.select_related("connection").annotate(  # type: ignore[no-redef]  # declared for whoever reads them
        is_unclear=Exists(unclear_intents().filter(thread_id=OuterRef("upstream_id"))),
        is_noted=Exists(notes) | Exists(labels),
    )


WITH_MARKS = Prepared(with_marks, str)


def marked_thread(request: UserRequest, *, thread_id: str) -> Thread | None:
    """Returns the one thread that the address means. None when there is none in the index, or are several."""
    slug, found = request.GET.get("connection"), WITH_MARKS.rows(stored_id(thread_id))
    meant = [thread for thread in found if slug in (None, "", thread.connection.slug)]
    if len(meant) != 1:
        return None
    meant[0].is_ambiguous = len(found) > 1
    return meant[0]


def thread_for_page(request: UserRequest, *, thread_id: str, max_age_s: float = THREAD_AGE_S) -> Thread:
    """Returns the thread for a page or a poll, after one short wait for the upstream.

    What was left unclear on it is settled by the way.
    """
    thread = marked_thread(request, thread_id=thread_id)
    if thread is None or thread.is_unclear or not is_fresh_thread(thread, max_age_s=max_age_s):
        connection = connection_of(request, (Thread, thread_id))
        refreshed = refresh_thread(connection, thread_id=thread_id, max_age_s=max_age_s)
        with copy_if_unwritable():
            settle_thread(refreshed)
        thread = marked_thread(request, thread_id=thread_id)
    if thread is None:
        raise Http404(f"The thread {thread_id} went away while it was read.")
    return with_reason(thread)
