"""Completes the archive: the rest of a thread's messages, and the files that steps and messages name.

It comes after everything else the worker reads. A thread page uses the same reads, one page at a time, when somebody
goes further back than the index, or asks for the whole thread at once.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from time import monotonic, sleep

from django.db import transaction
from django.utils import timezone

from runsdash.index.keeping import archive
from runsdash.index.models import ArchivedFile, Connection, Message, Run, Thread
from runsdash.index.snapshots.ended_runs import SETTLING
from runsdash.index.snapshots.upsert_messages import upsert_messages
from runsdash.index.walks import rests
from runsdash.service import (
    NoAnswer,
    NotSupported,
    RateLimited,
    ServiceError,
    Unauthorized,
    UpstreamFailed,
    objects,
)
from runsdash.service.objects import Page
from runsdash.sync.budget.process_budget import Reader, budget_for
from runsdash.sync.budget.shared_budget import Purpose

from .clients import Patience, client_for
from .message_walk import note_older
from .named_runs import unread_runs
from .parallel_reads import Reads, store_later
from .store_answers import record_last_error
from .upstream_reads import MESSAGES_A_READ
from .worker_reads import NothingLeft, PendingRead, leased, look_at_thread, read_run

MESSAGES_A_WALK = 100
RUNS_A_LOOK = 200
LOOK_S = 0.02  # what the walk through runs may take of a worker's round
PASS_EVERY_S = 20.0  # after the last run the walk rests, then begins with the newest again
FILES_AT_ONCE = 2
TROUBLED_EVERY = timedelta(minutes=1)
OLDER_WAIT_S = 5.0  # a reader who goes back waits no longer for the page before
RETRY_S = 0.1
Start = Callable[[], PendingRead | None]


# The worker's part


class Archives:
    """Remembers how far this process's walk through runs that are not archived has got, by connection."""

    def __init__(self) -> None:
        self.places: dict[int, int | None] = {}
        self.rests_until: dict[int, float] = {}

    def starts(self, connection: Connection) -> Iterator[Start]:
        """Yields what may be read now: files first, then messages of threads whose runs have ended."""
        for file in archive.wanted_files(connection, most=FILES_AT_ONCE):
            yield partial(fetch_file, file)
        until = monotonic() + LOOK_S
        while monotonic() < until and monotonic() >= self.rests_until.get(connection.pk, 0.0):
            yield from self.next_runs(connection, until=until)

    def next_runs(self, connection: Connection, *, until: float) -> Iterator[Start]:
        """Marks complete runs and yields reads for others. The place moves on only behind what was dealt with."""
        before = self.places.get(connection.pk)
        runs, following = archive.runs_to_archive(connection, before=before, most=RUNS_A_LOOK)
        for run in runs:
            start = missing_messages(run)
            if start is None:
                archive.mark_if_archived(run)
            elif may_ask(run.thread):
                yield start
            self.places[connection.pk] = run.pk
            if monotonic() > until:
                return
        self.places[connection.pk] = following
        if following is None:
            self.rests_until[connection.pk] = monotonic() + PASS_EVERY_S


def missing_messages(run: Run) -> Start | None:
    """Returns the read of messages that an ended run's archive needs next, as far as it can be had."""
    thread = run.thread
    if thread.is_gone or rests(thread, "messages"):
        return None
    if not thread.has_all_messages:
        return partial(walk_messages, thread)
    has_settled = run.status_since is not None and run.status_since + SETTLING <= timezone.now()
    return partial(look_at_thread, thread, is_whole=True) if has_settled and archive.lacks_last_messages(run) else None


def may_ask(thread: Thread) -> bool:
    """Tells whether the thread may be read: never when it is gone, and seldom after an error."""
    if thread.is_gone:
        return False
    return not thread.trouble or thread.checked_at is None or thread.checked_at < timezone.now() - TROUBLED_EVERY


def walk_messages(thread: Thread) -> PendingRead | None:
    """Reads the next page on the way back to the thread's first message."""
    connection, after = thread.connection, thread.messages_cursor
    token = leased(thread, cost=1, purpose=Purpose.OTHER, hold_s=connection.timeout_s)
    if token is None:
        return None
    ask = client_for(connection, Patience.WORKER).background
    page = ask.list_messages(thread_id=thread.upstream_id, limit=MESSAGES_A_WALK, order="desc", after=after or None)
    reads = Reads({"older": page})
    return PendingRead(
        connection, reads, lambda: store_older_messages(thread, reads, after=after, token=token), thread, token
    )


def store_older_messages(thread: Thread, reads: Reads, *, after: str, token: str = "") -> ServiceError | None:
    """Stores a page of older messages; moves the walk on when the page follows it."""
    answer = reads.answer("older")
    if isinstance(answer, ServiceError):
        if token:
            record_last_error(thread, answer, token=token, of_part=True)
        return answer
    if isinstance(answer, Page):
        with transaction.atomic():
            note_older(thread, answer, after=after)
            found = upsert_messages(
                thread, answer.data[::-1], fetched_at=reads.sent_at, goes_back=True, is_reversed=True
            )
        archive.want_files(thread, [one for message in found for one in archive.file_ids_of_message(message)])
    if token:
        PendingRead(thread.connection, reads, lambda: None, thread, token).give_up()
    return None


def fetch_file(file: ArchivedFile) -> PendingRead | None:
    """Reads a file's content, within archive.MAX_FILE_BYTES."""
    connection = file.connection
    budget = budget_for(connection, Reader.WORKER)
    if not budget.take(connection, 1, purpose=Purpose.OTHER):
        raise NothingLeft
    if not archive.claim_file(file):
        budget.give_back(1, purpose=Purpose.OTHER)
        return None
    ask = client_for(connection, Patience.WORKER).background
    content = ask.retrieve_file_content(file_id=file.upstream_id, max_bytes=archive.MAX_FILE_BYTES)
    reads = Reads({"file": content})
    return PendingRead(connection, reads, lambda: store_file(file, reads))


def store_file(file: ArchivedFile, reads: Reads) -> None:
    answer = reads.answer("file")
    if isinstance(answer, objects.FileContent):
        archive.keep_file(
            file.connection,
            file.upstream_id,
            content=answer.content,
            content_type=answer.content_type,
            fetched_at=reads.sent_at,
        )
    elif isinstance(answer, ServiceError) and not is_passing(answer):
        is_final = not isinstance(answer, UpstreamFailed)
        archive.note_refusal(file, status=answer.status, is_final=is_final)


def is_passing(error: ServiceError) -> bool:
    """Tells whether the error says nothing about the file."""
    return isinstance(error, NoAnswer | RateLimited | Unauthorized)


# A page's part


def read_older_messages(thread: Thread, *, before: str) -> ServiceError | None:
    """Reads a page of messages before the message `before`, for a reader who went further back than the index.

    Returns the error when there is none to be had. What comes late is stored in the background.
    """
    connection = thread.connection
    if thread.has_all_messages or rests(thread, "messages") or not may_ask(thread) or not connection.is_asked:
        return None
    if not budget_for(connection).take(connection, 1):
        return RateLimited("The requests of this moment are used up. Try again in a few seconds.", retry_after_s=1.0)
    ask, after = client_for(connection).background, place_of_reader(thread, before)
    page = ask.list_messages(thread_id=thread.upstream_id, limit=MESSAGES_A_READ, order="desc", after=after)
    reads = Reads({"older": page})
    if reads.wait(min(OLDER_WAIT_S, connection.timeout_s)):
        return store_older_messages(thread, reads, after=after)
    store_later(reads, lambda: store_older_messages(thread, reads, after=after))
    return NoAnswer("The upstream did not answer in time.", sent=True, timed_out=True)


def place_of_reader(thread: Thread, before: str) -> str:
    """Where the walk is, when it got no further than the message `before`; then the reader's page moves it on."""
    rows = Message.objects.filter(thread=thread, upstream_id__in=[before, thread.messages_cursor])
    created = dict(rows.values_list("upstream_id", "created_at"))
    start, end = created.get(before), created.get(thread.messages_cursor)
    if start is None or end is None or start > end:
        return before
    between = Message.objects.filter(thread=thread, created_at__gt=start, created_at__lt=end)
    return before if between.exists() else thread.messages_cursor


def archive_thread(thread: Thread, *, within_s: float) -> archive.ThreadMeter:
    """Reads what is missing of a thread, one thing after the other, for as long as somebody waits."""
    until = monotonic() + within_s
    while monotonic() < until:
        thread = Thread.objects.select_related("connection").get(pk=thread.pk)
        start = missing_piece(thread)
        if start is None:
            break
        pending = started(start, until=until)
        if pending is None:
            continue
        if not pending.reads.wait(until - monotonic()):
            store_later(pending.reads, pending.store)
            break
        pending.store()
        if has_error(pending):
            break
    return archive.meter_of(Thread.objects.get(pk=thread.pk))


def started(start: Start, *, until: float) -> PendingRead | None:
    """Starts a read; waits a moment when the budget of this second is spent, or somebody else reads the same."""
    try:
        pending = start()
    except NothingLeft:
        pending = None
    if pending is None and monotonic() < until:
        sleep(RETRY_S)
    return pending


def missing_piece(thread: Thread) -> Start | None:
    """Returns the read that the thread's archive needs next; None when it needs none, or can't have it."""
    if thread.is_gone or not thread.connection.is_asked:
        return None
    is_listed = not thread.connection.lacks_runs and not thread.has_all_runs and not rests(thread, "runs")
    if is_listed or unread_runs(thread.connection, thread):
        return partial(look_at_thread, thread, is_whole=True)
    if not thread.has_all_messages and not rests(thread, "messages"):
        return partial(walk_messages, thread)
    for run in archive.unarchived_runs(thread)[:RUNS_A_LOOK]:
        if archive.lacks_steps(run) and not rests(run, "steps"):
            return partial(read_run, run)
        start = missing_messages(run)
        if start is not None:
            return start
        archive.mark_if_archived(run)
    files = archive.wanted_files(thread.connection, most=1, thread=thread)
    if files:
        return partial(fetch_file, files[0])
    still = archive.unarchived_runs(thread)
    return partial(mark_more, thread) if len(still[: RUNS_A_LOOK + 1]) > RUNS_A_LOOK else None


def mark_more(thread: Thread) -> None:
    """Does nothing: more runs are there than one look marks, so look again."""


def has_error(pending: PendingRead) -> bool:
    answers = [pending.reads.answer(name) for name in pending.reads.futures]
    return any(isinstance(one, ServiceError) and not isinstance(one, NotSupported) for one in answers)
