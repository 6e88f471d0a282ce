"""Purges a thread: its rows, bodies, words, files, in small transactions; and remembers that it was purged.

Who purges, why and on what record is not decided here.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from time import monotonic
from typing import Protocol

from django.db import transaction
from django.db.models import Model, Q, QuerySet

from runsdash.audit.contents import empty_contents
from runsdash.index.models import (
    ArchivedFile,
    Connection,
    Message,
    MessageBody,
    PurgedThread,
    Run,
    RunStep,
    StepBody,
    Thread,
)
from runsdash.index.snapshots.known_rows import chunks
from runsdash.index.storage.bodies import shown
from runsdash.index.storage.keys import first_key_of
from runsdash.index.storage.locks import hold_thread
from runsdash.index.storage.storable_text import stored_id
from runsdash.index.totals import rollups
from runsdash.prepared import Prepared
from runsdash.service.json_types import Json

from .archive import file_ids_of_message, file_ids_of_step, usable
from .overwrite import overwrite_freed


class PurgeHook(Protocol):
    """Deletes what a room above keeps about a run without referring to its row."""

    def __call__(self, *, connection: Connection, run_id: str, run_key: int) -> None: ...


PURGE_HOOKS: list[PurgeHook] = []
ROWS_A_TRANSACTION = 200
LATELY_PURGED = 500  # looked at for what came back
FILES_A_TRANSACTION = 20  # up to 32 MB each


# What was purged


class Purged(Exception):
    """Says that the thread was purged and nobody has added it since: it is not fetched."""

    def __init__(self, purge: PurgedThread) -> None:
        super().__init__(purge.upstream_id)
        self.purge = purge


def refuse_purged(connection: Connection, thread_id: str) -> None:
    """Raises Purged, if the thread was."""
    purge = purge_of(connection, thread_id)
    if purge is not None:
        raise Purged(purge)


PURGE = Prepared(
    lambda connection_id, thread_id: PurgedThread.objects.select_related("connection").filter(
        connection_id=connection_id, upstream_id=thread_id
    ),
    int,
    str,
)


def purge_of(connection: Connection, thread_id: str) -> PurgedThread | None:
    return PURGE.first(connection.pk, stored_id(thread_id))


def purged_ids(connection: Connection, thread_ids: Iterable[str]) -> set[str]:
    """Finds those of some ids that must not be taken into the index."""
    wanted = [stored_id(one) for one in thread_ids]
    rows = PurgedThread.objects.filter(connection=connection, upstream_id__in=wanted)
    return set(rows.values_list("upstream_id", flat=True))


def let_back_in(connection: Connection, thread_ids: Iterable[str]) -> int:
    """Lets threads that somebody adds be fetched again; returns how many had been purged."""
    rows = PurgedThread.objects.filter(connection=connection)
    wanted = [stored_id(one) for one in thread_ids]
    return sum(rows.filter(upstream_id__in=some).delete()[0] for some in chunks(wanted))


def came_back(count: int) -> str:
    """Says how many purged threads were let back in; "" of none."""
    return f"{count:,} purged thread{'' if count == 1 else 's'} came back" if count else ""


def shut_out(thread: Thread) -> None:
    """Shuts a thread out: it is not fetched, and the worker leaves what is there of it alone."""
    PurgedThread.objects.get_or_create(connection=thread.connection, upstream_id=thread.upstream_id)
    Thread.objects.filter(pk=thread.pk).update(due_at=None)


def left_of_purged(connection: Connection, *, most: int) -> list[Thread]:
    """Finds threads that were purged and have rows all the same: an answer under way brought them back."""
    lately = PurgedThread.objects.filter(connection=connection).order_by("-id")
    ids = list(lately.values_list("upstream_id", flat=True)[:LATELY_PURGED])
    rows = Thread.objects.filter(connection=connection, upstream_id__in=ids)
    return list(rows.select_related("connection")[:most])


def threads_older_than(moment: datetime, *, most: int) -> list[Thread]:
    """Finds threads whose last run is older; of those without runs, which were added before."""
    rows = Thread.objects.select_related("connection")
    by_run = rows.filter(last_run_at__lt=moment).order_by("last_run_at")[:most]
    empty = rows.filter(last_run_at__isnull=True, pk__lt=first_key_of(moment)).order_by("pk")[:most]
    return [*by_run, *empty][:most]


# Purging


def purge_some(thread: Thread, *, within_s: float) -> bool:
    """Deletes as much of a thread as fits into `within_s` seconds. True when nothing of it is left."""
    deadline = monotonic() + within_s
    overwrite_freed()
    for part in PARTS:
        while taken_away(thread, part):
            if monotonic() > deadline:
                return False
    return not Thread.objects.filter(pk=thread.pk).exists()


def taken_away(thread: Thread, part: Callable[[Thread], bool]) -> bool:
    """Deletes some of a part in one small transaction. False when nothing of it is left."""
    with transaction.atomic():
        hold_thread(thread.pk)
        return part(thread)


def purge_excerpts(thread: Thread) -> bool:
    """Empties what the thread's row has of its messages, since a long thread takes a while to go."""
    Thread.objects.filter(pk=thread.pk).exclude(first_question="", last_reply="").update(
        first_question="", last_reply=""
    )
    return False


def purge_steps(thread: Thread) -> bool:
    """Deletes steps of the newest run; the run's rows leave together with its last steps."""
    found = Run.objects.filter(thread=thread).order_by("-pk").values_list("pk", "upstream_id").first()
    if found is None:
        return False
    run, run_id = found
    keys = list(RunStep.objects.filter(run_id=run).values_list("pk", flat=True)[:ROWS_A_TRANSACTION])
    bodies = shown(StepBody.objects.filter(step_id__in=keys))
    ids = [one for body in bodies for one in file_ids_of_step(body.preview)]
    forget_files(thread, ids)
    raw_delete(StepBody.objects.filter(step_id__in=keys))
    raw_delete(RunStep.objects.filter(pk__in=keys))
    if len(keys) < ROWS_A_TRANSACTION:
        rollups.mark_dirty(thread.connection_id, [run])
        for hook in PURGE_HOOKS:
            hook(connection=thread.connection, run_id=run_id, run_key=run)
        empty_contents(connection_slug=thread.connection.slug, run_id=run_id[:200])
        Run.objects.filter(pk=run).delete()
    return True


def purge_messages(thread: Thread) -> bool:
    found = list(Message.objects.filter(thread=thread).order_by("position")[:ROWS_A_TRANSACTION])
    keys = [message.pk for message in found]
    forget_files(thread, [one for message in found for one in file_ids_of_message(message)])
    raw_delete(MessageBody.objects.filter(message_id__in=keys))
    raw_delete(Message.objects.filter(pk__in=keys))
    return bool(found)


def purge_files(thread: Thread) -> bool:
    keys = list(ArchivedFile.objects.filter(thread=thread).values_list("pk", flat=True)[:FILES_A_TRANSACTION])
    raw_delete(ArchivedFile.objects.filter(pk__in=keys))
    return bool(keys)


def purge_audit_contents(thread: Thread) -> bool:
    """Empties what the trail holds of what was done to the thread and its runs; the entries stay."""
    empty_contents(connection_slug=thread.connection.slug, thread_id=thread.upstream_id[:200])
    return False


def purge_thread_row(thread: Thread) -> bool:
    """Deletes the thread's row, unless a run or message came meanwhile, which is for the next round."""
    has_more = Run.objects.filter(thread=thread).exists() or Message.objects.filter(thread=thread).exists()
    if not has_more:
        Thread.objects.filter(pk=thread.pk).delete()
    return False


PARTS: list[Callable[[Thread], bool]] = [
    purge_excerpts,
    purge_audit_contents,
    purge_steps,
    purge_messages,
    purge_files,
    purge_thread_row,
]


def forget_files(thread: Thread, ids: Iterable[Json]) -> None:
    """Deletes copies of files that belong to no other thread."""
    mine = Q(thread=thread) | Q(thread__isnull=True)
    wanted = usable(ids)
    if wanted:
        raw_delete(ArchivedFile.objects.filter(mine, connection_id=thread.connection_id, upstream_id__in=wanted))


def raw_delete(rows: QuerySet[Model]) -> None:
    """Deletes rows at once. The caller has dealt with what refers to them."""
    rows._raw_delete(rows.db)
