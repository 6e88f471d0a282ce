"""Starts the worker's reads of a run, a thread, a list of threads, and says how their answers are stored.

Each starts only with credit from the budget and the row's lease, so that any number of workers may try.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from runsdash.index import run_states
from runsdash.index.keeping.purge import purged_ids
from runsdash.index.models import Connection, Run, Thread
from runsdash.index.snapshots.upsert_threads import upsert_threads
from runsdash.index.storage.storable_text import stored_id
from runsdash.service import NoAnswer, NotSupported, RateLimited, ServiceError, Unauthorized, UpstreamFailed
from runsdash.service.objects import Page, Unchanged
from runsdash.service.paging import Seen, stage_after
from runsdash.sync.budget.process_budget import Reader, budget_for
from runsdash.sync.budget.shared_budget import Purpose
from runsdash.sync.parallel_reads import Task

from . import due, lease
from .clients import WATCH_TIMEOUT_S, Patience, client_for
from .last_error import last_error_of, note_failure, note_lack, note_offer, note_success
from .named_runs import unread_runs
from .parallel_reads import Reads
from .store_answers import store_run, store_thread
from .upstream_reads import RUN_COST, THREAD_COST, run_reads, thread_reads

SESSION_KEY = "session key"  # OpenAI lists threads for its own web pages alone, and says so
NEXT_RUN_WITHIN = timedelta(seconds=5)  # a thread is looked at this soon after its run ended


class NothingLeft(Exception):
    """Says that the budget has nothing for this read now."""


@dataclass
class PendingRead:
    """Holds reads under way for one row (None: for the connection itself), and how to store their answers."""

    connection: Connection
    reads: Reads
    store: Task
    row: Run | Thread | None = None
    token: str = ""
    is_watch: bool = False

    @property
    def is_in(self) -> bool:
        return all(future.done() for future in self.reads.futures.values())

    @property
    def has_failed(self) -> bool:
        """Tells whether the upstream itself failed, and did not only say no to this one."""
        answers = {name: self.reads.answer(name) for name in self.reads.futures}
        if isinstance(answers.get("threads"), Unauthorized):  # many servers list them to nobody, or to other keys
            return False
        kinds = NoAnswer | UpstreamFailed | Unauthorized
        return any(isinstance(one, kinds) or (isinstance(one, RateLimited) and one.status) for one in answers.values())

    def give_up(self) -> None:
        """Frees the row for other workers."""
        if self.row is not None:
            lease.give_back(self.row, self.token)


def leased(row: Run | Thread, *, cost: int, purpose: Purpose, hold_s: float) -> str | None:
    """Takes a lease on the row; None when somebody else has it. Raises NothingLeft."""
    budget = budget_for(row.connection, Reader.WORKER)
    if not budget.take(row.connection, cost, purpose=purpose):
        raise NothingLeft
    token = lease.take(row, hold_s=hold_s)
    if token is None:
        budget.give_back(cost, purpose=purpose)
    return token


def watch_run(run: Run) -> PendingRead | None:
    """Reads an active run alone, with one request; its steps follow as soon as its status has changed."""
    connection = run.connection
    hold_s = min(connection.timeout_s, WATCH_TIMEOUT_S)
    token = leased(run, cost=1, purpose=Purpose.ACTIVE, hold_s=hold_s)
    if token is None:
        return None
    ask = client_for(connection, Patience.WATCH).background
    thread_id, run_id, known = run.thread.upstream_id, run.upstream_id, run.reply_digest
    reads = Reads({"run": ask.retrieve_run(thread_id=thread_id, run_id=run_id, known=known)})

    def store() -> None:
        store_run(connection, reads, run=run, token=token)
        if isinstance(reads.answer("run"), Unchanged):
            return
        fresh = Run.objects.select_related("thread", "connection").filter(pk=run.pk).first()
        if fresh is not None and fresh.status != run.status:  # none: it was purged meanwhile
            ask_for_steps(fresh)

    return PendingRead(connection, reads, store, run, token, is_watch=True)


def ask_for_steps(run: Run) -> None:
    """Makes due what a change of status has made old."""
    if run.facts.is_active:
        Run.objects.filter(pk=run.pk).update(steps_checked_at=None)
        return
    soon = timezone.now() + NEXT_RUN_WITHIN
    Thread.objects.filter(pk=run.thread_id, due_at__gt=soon).update(due_at=soon)


def read_run(run: Run) -> PendingRead | None:
    """Reads a run with its steps and messages."""
    connection = run.connection
    token = leased(run, cost=RUN_COST, purpose=Purpose.OTHER, hold_s=connection.timeout_s)
    if token is None:
        return None
    reads = run_reads(client_for(connection, Patience.WORKER), run)
    budget_for(connection, Reader.WORKER).give_back(RUN_COST - len(reads.futures), purpose=Purpose.OTHER)
    return PendingRead(connection, reads, lambda: store_run(connection, reads, run=run, token=token), run, token)


def look_at_thread(thread: Thread, *, is_whole: bool, purpose: Purpose = Purpose.OTHER) -> PendingRead | None:
    """Reads new runs of a thread, and one page further back while its past is not all here."""
    connection = thread.connection
    named_runs = unread_runs(connection, thread)
    if named_runs and purpose is Purpose.FLOOR:
        named_runs = named_runs[:1]
    cost = (THREAD_COST if is_whole else 1) + bool(thread.runs_cursor and not thread.has_all_runs)
    cost += max(0, len(named_runs or []) - 1)
    token = leased(thread, cost=cost, purpose=purpose, hold_s=connection.timeout_s)
    if token is None:
        return None
    client = client_for(connection, Patience.WORKER)
    reads = thread_reads(client, thread.upstream_id, walk=thread, runs_only=not is_whole, named_runs=named_runs)

    def store() -> None:
        store_thread(connection, reads, thread_id=thread.upstream_id, thread=thread, token=token)
        fresh = Thread.objects.filter(pk=thread.pk).first()
        if fresh is None:  # purged meanwhile
            return
        gone = run_states.says_gone(fresh.trouble)
        due_at = None if gone else due.next_due(fresh, is_whole=is_whole)
        Thread.objects.filter(pk=thread.pk).update(due_at=due_at, is_gone=gone)

    return PendingRead(connection, reads, store, thread, token)


def list_threads(connection: Connection, *, purpose: Purpose = Purpose.OTHER) -> PendingRead | None:
    """Reads the upstream's newest threads; further pages while they bring new ones."""
    budget = budget_for(connection, Reader.WORKER)
    if not budget.take(connection, 1, purpose=purpose):
        raise NothingLeft
    if not takes_listing_turn(connection):
        budget.give_back(1, purpose=purpose)
        return None
    after = connection.threads_cursor or None
    client = client_for(connection, Patience.WORKER)
    reads = Reads({"threads": client.background.list_threads(limit=100, order="desc", after=after)})
    return PendingRead(connection, reads, lambda: store_listing(connection, reads))


def takes_listing_turn(connection: Connection) -> bool:
    """Lets one worker of all list the threads."""
    last = connection.threads_listed_at
    unchanged = Q(threads_listed_at__isnull=True) if last is None else Q(threads_listed_at=last)
    return bool(Connection.objects.filter(unchanged, pk=connection.pk).update(threads_listed_at=timezone.now()))


def store_listing(connection: Connection, reads: Reads) -> None:
    answer = reads.answer("threads")
    if isinstance(answer, NotSupported | Unauthorized):
        note_lack(connection, "threads", answer)
    if isinstance(answer, ServiceError) and not isinstance(answer, NotSupported) and SESSION_KEY not in answer.message:
        note_failure(connection, last_error_of(answer))
    elif isinstance(answer, Page):
        store_threads(connection, answer, sent_at=reads.sent_at)


def store_threads(connection: Connection, page: Page[Any], *, sent_at: datetime) -> None:
    note_success(connection)
    note_offer(connection, "threads")
    ids = [thread.id for thread in page.data if thread.id]
    purged = purged_ids(connection, ids)
    rows = Thread.objects.filter(connection=connection, upstream_id__in=[stored_id(one) for one in ids])
    known = purged | set(rows.values_list("upstream_id", flat=True))
    after = connection.threads_cursor or None
    seen: Seen = {one: None for one in ids if stored_id(one) in known and one != after}
    stage = stage_after(page, after=after, seen=seen | ({after: None} if after else {}))
    wanted = [thread for thread in page.data if thread.id and stored_id(thread.id) not in purged]
    upsert_threads(connection, wanted, fetched_at=sent_at, added_by="listed")
    Connection.objects.filter(pk=connection.pk).update(
        threads_cursor="" if stage.is_over else stored_id(stage.cursor or ""),
        threads_listed_at=timezone.now() if stage.is_over else None,
    )
