"""Overwrites on SQLite what a purge has freed in the file: rows at once, words of the text index by a chore.

PostgreSQL frees rows by its own VACUUM, and uses the space again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from runsdash.index.models import PurgedThread, Thread

PAGES_AT_ONCE = 200  # of the text index, merged in one statement
ALL_MERGED = 2  # a statement that changes fewer rows has found nothing to merge
CHECKPOINT_WAIT_MS = 200  # for readers of older pages; the next call tries again


class TextMerge:
    """Knows how far this process is: purges up to `newest` were done when its merge began; 0: none is under way."""

    newest = 0


def overwrite_freed() -> None:
    """Lets this connection overwrite with zeros whatever it frees, from now on."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA secure_delete = ON")


def empty_log() -> bool:
    """Copies the write-ahead log into the file and cuts it off. False when somebody still reads from it."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        return True
    with connection.cursor() as cursor, short_wait():
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        is_busy: int = cursor.fetchone()[0]
        return not is_busy


@contextmanager
def short_wait() -> Iterator[None]:
    with connection.cursor() as cursor:
        wait_ms = cursor.execute("PRAGMA busy_timeout").fetchone()[0]
        cursor.execute(f"PRAGMA busy_timeout = {CHECKPOINT_WAIT_MS}")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {wait_ms}")


def not_overwritten() -> QuerySet[PurgedThread]:
    """Finds finished purges whose words may still stand in the text index's file."""
    left = Thread.objects.filter(connection=OuterRef("connection"), upstream_id=OuterRef("upstream_id"))
    return PurgedThread.objects.filter(overwritten_at=None).exclude(Exists(left))


def overwrite_words(*, within_s: float = 0.1) -> None:
    """Merges some of the text index after purges: a deleted word stays in its segments until then. A chore.

    Two workers may do it side by side. One that dies begins again.
    """
    if connection.vendor != "sqlite":
        return
    newest = not_overwritten().order_by("-pk").values_list("pk", flat=True).first()
    if newest is None:
        return
    overwrite_freed()
    TextMerge.newest = TextMerge.newest or newest
    deadline = monotonic() + within_s
    while not is_merged():
        if monotonic() > deadline:
            return
    if empty_log():
        not_overwritten().filter(pk__lte=TextMerge.newest).update(overwritten_at=timezone.now())
        TextMerge.newest = 0


def remains_of(purge: PurgedThread) -> str:
    """Says what the engine still has of a purged thread, and until when."""
    if connection.vendor != "sqlite":
        return "PostgreSQL frees its rows with the next VACUUM, usually within minutes, and then uses the space again."
    backups = "Backups that were made before still hold it."
    if purge.overwritten_at is None:
        return f"Its words stand in pages of the text index until a worker has merged these. {backups}"
    return f"Its words left the text index's file on {purge.overwritten_at:%Y-%m-%d at %H:%M} UTC. {backups}"


def is_merged() -> bool:
    """Merges a few pages of the text index towards one segment. True when it is one."""
    with connection.cursor() as cursor:
        before = total_changes()
        cursor.execute("INSERT INTO index_runtext_fts(index_runtext_fts, rank) VALUES ('merge', %s)", [-PAGES_AT_ONCE])
        return total_changes() - before < ALL_MERGED


def total_changes() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT total_changes()")
        changes: int = cursor.fetchone()[0]
        return changes
