"""Purges threads older than RUNSDASH_RETENTION_DAYS, and what came back of purged ones.

Chores of the worker. Each call is short; the trail names the threads and holds none of their content.
"""

from datetime import timedelta
from time import monotonic

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from runsdash.audit.models import AuditEntry
from runsdash.audit.trail import record_intent, record_outcome
from runsdash.index.bad_rows import skip_if_bad
from runsdash.index.connections import connections
from runsdash.index.keeping.purge import left_of_purged, purge_some, shut_out, threads_older_than
from runsdash.index.models import Thread

ACTOR = "retention"
THREADS_A_CALL = 50
PURGE_S = 0.15  # a call's share of the worker's round


def purge_old_threads() -> int:
    """Purges threads whose last run is too old and returns how many. Does nothing while the setting is 0."""
    if settings.RUNSDASH_RETENTION_DAYS <= 0:
        return 0
    oldest = timezone.now() - timedelta(days=settings.RUNSDASH_RETENTION_DAYS)
    until, gone = monotonic() + PURGE_S, 0
    for thread in threads_older_than(oldest, most=THREADS_A_CALL):
        left_s = until - monotonic()
        if left_s <= 0:
            break
        with skip_if_bad("thread", thread.upstream_id):
            gone += purge_on_record(thread, within_s=left_s)
    return gone


def purge_on_record(thread: Thread, *, within_s: float) -> bool:
    """Purges a thread as far as the time goes. It gets one entry, when nothing of it is left."""
    runs = thread.run_count
    shut_out(thread)
    if not purge_some(thread, within_s=within_s):
        return False
    copied = {"action": "purge_thread", "actor": ACTOR, "connection_slug": thread.connection.slug}
    reason = f"Its last run is older than {settings.RUNSDASH_RETENTION_DAYS} days."
    with transaction.atomic():
        intent = record_intent(**copied, thread_id=thread.upstream_id, reason=reason)
        record_outcome(intent, result=AuditEntry.Result.DONE, after={"runs": runs})
    return True


def purge_left_overs() -> None:
    """Purges again what an answer under way brought back of a purged thread."""
    for connection in connections():
        for thread in left_of_purged(connection, most=THREADS_A_CALL):
            with skip_if_bad("thread", thread.upstream_id):
                purge_some(thread, within_s=PURGE_S)
