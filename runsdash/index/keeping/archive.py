"""Keeps the archive: the files that steps and messages name, what a run still lacks, how much of a thread is here.

A run is archived when its steps, its thread's messages and the files it names have all been read, or were refused by
the upstream for good. Asks no upstream; `sync/archiving.py` does.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from django.db import connection, transaction
from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from runsdash.index import run_states
from runsdash.index.models import ArchivedFile, Connection, Message, Run, StepBody, Thread
from runsdash.index.snapshots.ended_runs import SETTLING
from runsdash.index.snapshots.known_rows import chunks
from runsdash.index.storage.bodies import shown
from runsdash.index.storage.locks import hold_thread
from runsdash.index.storage.page_reads import messages_of_run
from runsdash.index.walks import resting_steps_sql, rests
from runsdash.prepared import first_of
from runsdash.service.json_types import Json

OPEN_MESSAGE = "in_progress"
MAX_FILE_BYTES = 32 * 1024 * 1024
MAX_ATTEMPTS = 5  # at a file that the upstream fails to give
TRIED_EVERY = timedelta(minutes=1)
FILES_A_RUN = 1000
COUNTED = 10_000  # the meter counts no further


# Which files are named


def file_ids_of_step(preview: dict[str, Any]) -> Iterator[str]:
    """Finds images that code made, and files that a search found, in a step's preview."""
    for call in preview.get("calls") or []:
        yield from call.get("images") or []
        yield from (result.get("file_id") for result in call.get("results") or [])


def file_ids_of_message(message: Message) -> Iterator[str]:
    """Finds images, cited files and attachments."""
    for part in message.parts:
        yield part.get("file_id") or ""
        yield from (one.get("file_id") or "" for one in part.get("annotations") or [])
    for attachment in message.attachments:
        if isinstance(attachment, dict):
            yield str(attachment.get("file_id") or "")


def file_ids_of_run(run: Run) -> list[str]:
    """Finds the files of its steps, its own messages and the questions it answers; at most FILES_A_RUN."""
    found: dict[str, None] = {}
    for message in messages_of_run(run):
        found.update(dict.fromkeys(file_ids_of_message(message)))
    for body in shown(StepBody.objects.filter(step__run=run)):
        found.update(dict.fromkeys(file_ids_of_step(body.preview)))
    return usable(found)[:FILES_A_RUN]


def usable(ids: Iterable[Json]) -> list[str]:
    """Keeps ids that can be asked for, without repetitions."""
    return list(dict.fromkeys(one for one in ids if isinstance(one, str) and 0 < len(one) <= 200))


def want_files(thread: Thread, ids: Iterable[Json]) -> list[str]:
    """Makes rows for files that are not known yet, for somebody to fetch. Returns the ids that can be asked for."""
    ids = usable(ids)
    for some in chunks(ids):
        there = ArchivedFile.objects.filter(connection_id=thread.connection_id, upstream_id__in=some)
        known = dict(there.values_list("upstream_id", "thread_id"))
        new = [one for one in some if one not in known]
        if new or None in known.values():
            add_wanted(thread, new, found=there)
    return ids


def add_wanted(thread: Thread, ids: Iterable[str], *, found: QuerySet[ArchivedFile]) -> None:
    """Makes new rows, and takes those of `found` that nobody named so far, unless the thread was purged meanwhile."""
    rows = [ArchivedFile(connection_id=thread.connection_id, upstream_id=one, thread=thread) for one in ids]
    with transaction.atomic():
        if hold_thread(thread.pk):
            found.filter(thread__isnull=True).update(thread=thread)  # kept when somebody looked at it
            ArchivedFile.objects.bulk_create(rows, ignore_conflicts=True)


# Files


def wanted_files(connection: Connection, *, most: int, thread: Thread | None = None) -> list[ArchivedFile]:
    """Finds files to fetch now, the first wanted first."""
    given = connection.pk, timezone.now() - TRIED_EVERY
    if thread is None:
        return first_of(wanted, most, int, datetime).rows(*given)
    return list(wanted(*given).filter(thread=thread)[:most])


def wanted(connection_id: int, tried: datetime) -> QuerySet[ArchivedFile]:
    rows = ArchivedFile.objects.filter(not_tried_since(tried), fetched_at__isnull=True, connection_id=connection_id)
    return rows.select_related("connection").order_by("id")


def not_tried_since(moment: datetime) -> Q:
    return Q(tried_at__isnull=True) | Q(tried_at__lt=moment)


def claim_file(file: ArchivedFile) -> bool:
    """Claims a file; True for one caller, who fetches it now."""
    now = timezone.now()
    rows = ArchivedFile.objects.filter(not_tried_since(now - TRIED_EVERY), pk=file.pk, fetched_at__isnull=True)
    return bool(rows.update(tried_at=now))


def keep_file(connection: Connection, file_id: str, *, content: bytes, content_type: str, fetched_at: datetime) -> None:
    """Keeps a file's content for good."""
    ArchivedFile.objects.update_or_create(
        connection=connection,
        upstream_id=file_id[:200],
        defaults={
            "status": 200, "size": len(content), "content": content, "content_type": content_type[:100],
            "fetched_at": fetched_at, "digest": digest_of(content),
        },
    )  # fmt: skip


def digest_of(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()


def note_refusal(file: ArchivedFile, *, status: int | None, is_final: bool) -> None:
    """Notes that the upstream did not give it. After MAX_ATTEMPTS, or a final answer, it is asked for no more."""
    attempts = file.attempts + 1
    is_over = is_final or attempts >= MAX_ATTEMPTS
    ArchivedFile.objects.filter(pk=file.pk, fetched_at__isnull=True).update(
        attempts=attempts, status=status, fetched_at=timezone.now() if is_over else None
    )


def kept_file(connection: Connection, file_id: str) -> ArchivedFile | None:
    """Finds the copy of a file, content included."""
    return ArchivedFile.objects.filter(connection=connection, upstream_id=file_id, status=200).first()


# Runs and threads


def runs_to_archive(connection: Connection, *, before: int | None, most: int) -> tuple[list[Run], int | None]:
    """Finds ended runs with all their steps, newest first, out of the next `most` that are not archived.

    Returns also the key where the following ones begin; None at the end.
    """
    rows = Run.objects.filter(connection=connection, archived_at__isnull=True)
    rows = rows.filter(pk__lt=before) if before is not None else rows
    found = list(rows.order_by("-pk").values_list("pk", "status", "has_all_steps")[:most])
    needs_steps = not connection.lacks_steps
    keys = [pk for pk, status, has_all in found if status not in run_states.ACTIVE and (has_all or not needs_steps)]
    runs = Run.objects.filter(pk__in=keys).select_related("thread", "connection").order_by("-pk")
    return list(runs), found[-1][0] if len(found) == most else None


def unarchived_runs(thread: Thread) -> QuerySet[Run]:
    """Finds runs of a thread that have ended and are not archived."""
    runs = Run.objects.filter(thread=thread, archived_at__isnull=True).exclude(status__in=run_states.ACTIVE)
    return runs.select_related("thread", "connection").order_by("-pk")


def mark_if_archived(run: Run) -> bool:
    """Asks for the files that an ended run names; marks it as archived when nothing is missing any more."""
    wanted = want_files(run.thread, file_ids_of_run(run))
    if not run.thread.has_all_messages or lacks_last_messages(run) or lacks_steps(run):
        return False
    if are_missing(run.connection_id, wanted):
        return False
    return bool(Run.objects.filter(pk=run.pk, archived_at__isnull=True).update(archived_at=timezone.now()))


def lacks_steps(run: Run) -> bool:
    return not run.has_all_steps and not run.connection.lacks_steps


def lacks_last_messages(run: Run) -> bool:
    """Tells whether the newest messages were last read before the run's end, or with one of its own still open."""
    read_at, ended_by = run.thread.messages_read_at, run.status_since
    if run.thread.is_gone or ended_by is None:
        return False
    own = Message.objects.filter(thread=run.thread_id, run_upstream_id=run.upstream_id, status=OPEN_MESSAGE)
    return read_at is None or read_at <= ended_by or own.filter(fetched_at__lt=ended_by + SETTLING).exists()


def are_missing(connection_id: int, file_ids: Sequence[str]) -> bool:
    rows = ArchivedFile.objects.filter(connection_id=connection_id, fetched_at__isnull=True)
    return any(rows.filter(upstream_id__in=some).exists() for some in chunks(file_ids))


@dataclass(frozen=True, kw_only=True)
class ThreadMeter:
    """Says how much of a thread is here. Counts stop at COUNTED."""

    runs: int
    archived_runs: int
    active_runs: int
    has_all_runs: bool
    messages: int
    has_all_messages: bool
    files: int  # named by what is here
    kept_files: int
    open_files: int  # still wanted; the rest the upstream refused
    is_doubted: bool  # the upstream's lists do not tell whether what is here is all

    @property
    def is_complete(self) -> bool:
        """Is nothing missing that the upstream would still give?"""
        is_all_here = self.has_all_runs and self.has_all_messages and not self.open_files
        return is_all_here and self.archived_runs >= min(self.runs, COUNTED)

    @property
    def refused_files(self) -> int:
        return self.files - self.kept_files - self.open_files


def meter_of(thread: Thread) -> ThreadMeter:
    archived_runs, active_runs, resting_runs, messages, files, kept_files, open_files = counts_of(thread)
    return ThreadMeter(
        runs=thread.run_count,
        archived_runs=archived_runs,
        active_runs=active_runs,
        has_all_runs=thread.has_all_runs,
        messages=messages,
        has_all_messages=thread.has_all_messages,
        files=files,
        kept_files=kept_files,
        open_files=open_files,
        is_doubted=thread.connection.lacks_runs
        or rests(thread, "runs")
        or rests(thread, "messages")
        or resting_runs > 0,
    )


def counts_of(thread: Thread) -> tuple[int, ...]:
    """Counts what is here of the thread, each to COUNTED, by one statement: every look at a thread asks for it."""
    active, (is_resting, since) = ", ".join(f"'{status}'" for status in run_states.ACTIVE), resting_steps_sql("x")
    counted = [
        "index_run x WHERE x.thread_id = %s AND x.archived_at IS NOT NULL",
        f"index_run x WHERE x.thread_id = %s AND x.status IN ({active})",
        f"index_run x WHERE x.thread_id = %s AND NOT x.has_all_steps AND {is_resting}",
        "index_message x WHERE x.thread_id = %s",
        "index_archivedfile x WHERE x.thread_id = %s",
        "index_archivedfile x WHERE x.thread_id = %s AND x.status = 200",
        "index_archivedfile x WHERE x.thread_id = %s AND x.fetched_at IS NULL",
    ]
    columns = ", ".join(f"(SELECT COUNT(*) FROM (SELECT 1 FROM {one} LIMIT {COUNTED}) f)" for one in counted)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns}", [*[thread.pk] * 3, *since, *[thread.pk] * 4])
        found: tuple[int, ...] = cursor.fetchone()
    return found


def counted(rows: QuerySet[Model]) -> int:
    return rows.order_by().values("pk")[:COUNTED].count()
