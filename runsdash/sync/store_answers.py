"""Stores the answers of a refresh in the index, whatever each of them turned out to be."""

from datetime import datetime
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from runsdash.index import run_states
from runsdash.index.fulltext.writer import index_long_run
from runsdash.index.keeping.archive import file_ids_of_message, want_files
from runsdash.index.keeping.purge import purge_of
from runsdash.index.models import Connection, Run, RunStep, Thread
from runsdash.index.snapshots.ended_runs import SETTLING, cursor_before, first_open_step
from runsdash.index.snapshots.upsert_assistants import upsert_assistants
from runsdash.index.snapshots.upsert_messages import upsert_messages
from runsdash.index.snapshots.upsert_runs import upsert_run, upsert_runs
from runsdash.index.snapshots.upsert_steps import upsert_steps
from runsdash.index.snapshots.upsert_threads import upsert_threads
from runsdash.index.storage.column_types import Columns, ColumnValue
from runsdash.index.storage.storable_text import stored_id
from runsdash.index.walks import rests, walk_columns
from runsdash.service import NotSupported, ServiceError
from runsdash.service.objects import Page, Unchanged

from . import lease
from .last_error import last_error_of, note_failure, note_lack, note_offer, note_success, part_is_gone
from .message_walk import note_newest, take
from .named_runs import store_named_runs
from .parallel_reads import Reads


def record_last_error(row: Run | Thread, error: ServiceError, *, token: str, of_part: bool = False) -> None:
    """Keeps the failure beside the copy, so that every reader sees it. `of_part`: not the row's own read failed."""
    last_error, now = last_error_of(error), timezone.now()
    also: Columns = {"steps_checked_at": now} if isinstance(row, Run) else {}
    if of_part and run_states.says_gone(last_error):
        lease.give_back(row, token, trouble=part_is_gone(last_error), checked_at=now, **also)
        return
    if isinstance(row, Thread) and run_states.says_gone(last_error) and had_been_there(row):
        also["is_gone"] = True
    lease.give_back(row, token, trouble=last_error, checked_at=now, **also)
    if not run_states.says_gone(last_error):
        note_failure(row.connection, last_error)
    elif isinstance(row, Run):  # its thread tells soon whether it is gone as a whole
        Thread.objects.filter(pk=row.thread_id, is_gone=False).update(due_at=now)


def had_been_there(thread: Thread) -> bool:
    """Tells whether the upstream ever had the thread. A run page reads runs without it, so their copies count, too."""
    return thread.fetched_at is not None or Run.objects.filter(thread=thread, fetched_at__isnull=False).exists()


def store_run(connection: Connection, reads: Reads, *, run: Run | None, token: str) -> None:
    """Stores run, steps and messages of one refresh. `run` None: its first."""
    answer = reads.answer("run")
    if isinstance(answer, ServiceError):
        if run is not None:
            record_last_error(run, answer, token=token)
        return
    if isinstance(answer, Unchanged) and run is not None:
        note_success(connection)
        is_all = len(reads.futures) == 1
        move_age(run, answer, sent_at=reads.sent_at, token=token, frees=is_all)
        if is_all:
            return
    elif answer is not None:
        thread_id = run.thread.upstream_id if run is not None else None
        if purge_of(connection, answer.thread_id or thread_id or ""):
            return
        run = upsert_run(connection, answer, fetched_at=reads.sent_at, thread_id=thread_id)
        note_success(connection)
    if run is None:
        return
    store_assistants(connection, reads)
    finish(run, store_steps(run, reads), store_messages(run.thread, reads), token=token)
    if run.facts.is_terminal:
        note_messages_read(run.thread, reads)


def move_age(run: Run, answer: Unchanged, *, sent_at: datetime, token: str, frees: bool) -> None:
    """Moves the age of a run whose reply was the same as before, in one statement; `frees`: and frees the lease.

    Only while the row is what that reply said, and no newer snapshot is there.
    """
    stored = database.ops.adapt_datetimefield_value
    columns, given = "fetched_at = %s, checked_at = %s, trouble = NULL", [stored(sent_at), stored(sent_at)]
    columns += ", lease_until = NULL, lease_token = ''" if frees else ""
    sql = (
        f"UPDATE index_run SET {columns} WHERE id = %s AND reply_digest = %s AND lease_token = %s AND fetched_at <= %s"
    )
    with database.cursor() as cursor:
        cursor.execute(sql, [*given, run.pk, answer.reply_digest, token, stored(sent_at)])
        is_moved = cursor.rowcount == 1
    if is_moved:
        run.fetched_at, run.checked_at, run.trouble = sent_at, sent_at, None
    elif frees:
        lease.give_back(run, token)


def finish(row: Run | Thread, *errors: ServiceError | None, token: str) -> None:
    """Keeps the first error of a refresh, or frees the lease."""
    error = next((one for one in errors if one is not None), None)
    if error is not None:
        record_last_error(row, error, token=token, of_part=True)
    elif token:
        lease.give_back(row, token, **({"trouble": None} if row.trouble else {}))


def store_steps(run: Run, reads: Reads) -> ServiceError | None:
    """Stores the next page of the walk through the steps, and the newest page of a live run."""
    page, newest = reads.answer("steps"), reads.answer("newest_steps")
    for answer in (page, newest):
        if isinstance(answer, NotSupported):
            note_lack(run.connection, "steps", answer)
            return None
        if isinstance(answer, ServiceError):
            return answer
    if isinstance(page, Page):
        store_walk_page(run, page, sent_at=reads.sent_at)
    if isinstance(newest, Page):
        store_newest_steps(run, newest, sent_at=reads.sent_at)
    if page is not None or newest is not None:
        note_offer(run.connection, "steps")
        save_run(run, steps_checked_at=reads.sent_at)  # when they are stored, not before
    return None


def store_walk_page(run: Run, page: Page[Any], *, sent_at: datetime) -> None:
    """Stores a page of the walk from the first step.

    Where the walk through an ended run ends, it goes back to what was still open.
    """
    cursor = RunStep.objects.filter(run=run, upstream_id=run.steps_cursor).first() if run.steps_cursor else None
    known_rows = RunStep.objects.filter(connection=run.connection_id)
    columns = walk_columns(run, "steps", page, after=run.steps_cursor, known_rows=known_rows, newest_first=False)
    is_walked = bool(columns["has_all_steps"] or not columns["steps_cursor"])
    upsert_steps(run, page.data, fetched_at=sent_at, after=cursor.position if cursor else None)
    columns["archived_at"] = None  # it may have been archived while the server listed no steps
    columns["steps_walked_at"] = sent_at if is_walked else None
    still_open = open_step_of_ended(run) if is_walked else None
    if still_open is not None:
        columns["steps_cursor"] = cursor_before(still_open)
    columns["has_all_steps"] = columns["has_all_steps"] and still_open is None and is_over_for(run, sent_at)
    save_run(run, **columns)
    if run.has_all_steps:
        index_long_run(run)


def store_newest_steps(run: Run, page: Page[Any], *, sent_at: datetime) -> None:
    """Stores the newest page of a live run. When it does not reach back to a known step, the walk goes on."""
    oldest_first = page.data[::-1]
    known = RunStep.objects.filter(run=run, upstream_id__in=[step.id for step in oldest_first])
    overlaps = known.exists()
    after = position_before(known, run)
    steps = upsert_steps(run, oldest_first, fetched_at=sent_at, after=after, is_reversed=True)
    if run.steps_walked_at and page.has_more and not overlaps:
        save_run(run, steps_walked_at=None)
    elif run.steps_walked_at and steps:
        save_run(run, steps_cursor=steps[-1].upstream_id)


def position_before(known: QuerySet[RunStep], run: Run) -> int | None:
    """Returns the position of the step before the first known one, so that steps of a second stay in order."""
    first = known.order_by("position").first()
    before = RunStep.objects.filter(run=run, position__lt=first.position).order_by("-position") if first else None
    return before.values_list("position", flat=True).first() if before is not None else None


def open_step_of_ended(run: Run) -> RunStep | None:
    """Finds a step of an ended run that was open when it was read, too soon after the end."""
    if not run.facts.is_terminal or run.status_since is None:
        return None
    return first_open_step(run, read_before=run.status_since + SETTLING)


def is_over_for(run: Run, sent_at: datetime) -> bool:
    """Tells whether the run was over before this request was sent. Only then is a page of steps the last word."""
    if not run.facts.is_terminal:
        return False
    known_since = run.ended_at + SETTLING if run.ended_at else run.status_since
    return known_since is not None and min(known_since, run.status_since or known_since) < sent_at


def save_run(run: Run, **columns: ColumnValue) -> None:
    """Saves what is known of the steps, unless the status has changed meanwhile: then they are read again."""
    changed = {name: value for name, value in columns.items() if getattr(run, name) != value}
    if changed:
        Run.objects.filter(pk=run.pk, status=run.status).update(**changed)
        for name, value in changed.items():
            setattr(run, name, value)


def store_messages(thread: Thread, reads: Reads) -> ServiceError | None:
    """Stores the newest page, after an ascending one: that one shows how the server orders what shares a second."""
    newest, ascending = reads.answer("messages"), reads.answer("own_messages")
    for answer in (newest, ascending):
        if isinstance(answer, ServiceError) and not isinstance(answer, NotSupported):
            return answer
    with transaction.atomic():
        if isinstance(newest, Page):
            note_newest(thread, newest)
        for page, is_reversed in ((ascending, False), (newest, True)):
            if isinstance(page, Page):
                oldest_first = page.data[::-1] if is_reversed else page.data
                found = upsert_messages(thread, oldest_first, fetched_at=reads.sent_at, is_reversed=is_reversed)
                want_files(thread, [one for message in found for one in file_ids_of_message(message)])
    return None


def note_messages_read(thread: Thread, reads: Reads) -> None:
    """Notes that the newest messages are here, so that runs which had ended by then lack none."""
    if isinstance(reads.answer("messages"), Page | NotSupported):
        note_read(thread, "messages_read_at", reads.sent_at)


def note_read(thread: Thread, column: str, sent_at: datetime) -> None:
    """Notes when the newest of a kind were asked for, once they are stored."""
    is_older = Q((column, None)) | Q((f"{column}__lt", sent_at))
    Thread.objects.filter(is_older, pk=thread.pk).update(**{column: sent_at})


def store_assistants(connection: Connection, reads: Reads) -> None:
    """Stores the names of assistants; a server that cannot list them costs nothing but the names."""
    answer = reads.answer("assistants")
    if isinstance(answer, Page):
        upsert_assistants(connection, answer.data, fetched_at=reads.sent_at)


def store_thread(connection: Connection, reads: Reads, *, thread_id: str, thread: Thread | None, token: str) -> None:
    answer = reads.answer("thread")
    if isinstance(answer, ServiceError):
        if thread is not None:
            record_last_error(thread, answer, token=token)
        return
    if purge_of(connection, thread_id):
        return
    if answer is not None:
        thread = upsert_threads(connection, [answer], fetched_at=reads.sent_at)[stored_id(answer.id)]
        note_success(connection)
    if thread is None:
        return
    messages_error = store_messages(thread, reads)
    runs_error = store_runs(connection, thread, reads) or store_named_runs(thread, reads)
    finish(thread, messages_error, runs_error, token=token)
    note_messages_read(thread, reads)


def store_runs(connection: Connection, thread: Thread, reads: Reads) -> ServiceError | None:
    """Stores the newest page of runs, and the next page of the walk back to the thread's first run."""
    for name in ("runs", "older_runs"):
        answer = reads.answer(name)
        if isinstance(answer, NotSupported):
            note_lack(connection, "runs", answer)
            return None
        if isinstance(answer, ServiceError):
            return answer
        if isinstance(answer, Page):
            note_offer(connection, "runs")
            with transaction.atomic():
                note_walk(thread, answer, is_first=name == "runs")
                upsert_runs(connection, answer.data, fetched_at=reads.sent_at, thread_id=thread.upstream_id)
                if name == "runs":
                    note_read(thread, "runs_read_at", reads.sent_at)
    return None


def note_walk(thread: Thread, page: Page[Any], *, is_first: bool) -> None:
    """Before a page is taken: where the walk back through a thread's runs has got to."""
    if thread.has_all_runs or (is_first and (thread.runs_cursor or rests(thread, "runs"))):
        return
    known_rows = Run.objects.filter(connection=thread.connection_id)
    columns = walk_columns(thread, "runs", page, after="" if is_first else thread.runs_cursor, known_rows=known_rows)
    take(thread, columns)
    thread.save(update_fields=list(columns))
