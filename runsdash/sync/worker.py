"""The worker: reads what is due, most urgent first, side by side, inside each connection's budget.

Pages never depend on it. The rows themselves are the record of work: whatever is killed here is due again.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event
from time import monotonic

from django.db import close_old_connections
from django.db.models import Model
from django.utils import timezone

from runsdash.index.connections import connections as every_connection
from runsdash.index.models import Connection, Run, Thread
from runsdash.index.upsert import upsert_threads
from runsdash.service import NoAnswer, NotSupported, ServiceError, Unauthorized, UpstreamFailed
from runsdash.service.objects import Page

from . import due, lease
from .asked import run_reads, thread_reads
from .budget import Budget
from .clients import client_for
from .landing import land_run, land_thread
from .reads import Reads
from .trouble import note_failure, note_success, trouble_of

JOBS_AT_ONCE = 12
TICK_S = 0.2
HOLD_S = 45.0  # a worker's read may take its retries; the lease outlasts them
log = logging.getLogger(__name__)


@dataclass
class Job:
    """Reads under way for one row, and how they land."""

    connection: Connection
    reads: Reads
    land: Callable[[], None]
    started: float = field(default_factory=monotonic)

    @property
    def is_in(self) -> bool:
        return all(future.done() for future in self.reads.futures.values())

    @property
    def error(self) -> ServiceError | None:
        answers = (self.reads.answer(name) for name in self.reads.futures)
        return next((one for one in answers if isinstance(one, ServiceError)), None)


@dataclass
class Chore:
    """Something else the worker does now and then, given by a room above."""

    act: Callable[[], object]
    every_s: float
    last: float = 0.0

    def act_if_due(self) -> None:
        if monotonic() - self.last >= self.every_s:
            self.last = monotonic()
            try:
                self.act()
            except Exception:
                log.exception("a chore of the worker failed")


class Worker:
    """One process's worth of reading. `unlimited` ignores budgets (first start of the demo)."""

    def __init__(self, *, unlimited: bool = False, chores: Sequence[Chore] = ()) -> None:
        self.unlimited = unlimited
        self.chores = chores
        self.jobs: list[Job] = []
        self.budgets: dict[int, Budget] = {}
        self.thread_cursors: dict[int, str] = {}

    # Rounds

    def run(self, stop: Event) -> None:
        """Works until `stop` is set; what is under way then lands first."""
        while not stop.is_set():
            close_old_connections()
            self.round()
            stop.wait(TICK_S)
        self.land_all()

    def run_until_idle(self, *, seconds: float) -> bool:
        """Rounds until nothing is due and nothing under way. False when the time was over first."""
        deadline = monotonic() + seconds
        while monotonic() < deadline:
            if self.round() == 0:
                return True
            if not any(job.is_in for job in self.jobs):
                self.jobs[0].reads.wait(0.05)
        self.land_all()
        return False

    def round(self) -> int:
        """Lands what is in, starts what is due and affordable; how many jobs are under way afterwards."""
        self.land_finished()
        for chore in self.chores:
            chore.act_if_due()
        for start in self.starters():
            if len(self.jobs) >= JOBS_AT_ONCE:
                break
            start()
        return len(self.jobs)

    def starters(self) -> Iterator[Callable[[], object]]:
        now = timezone.now()
        usable = [one for one in every_connection() if one.is_enabled]
        for run in due.active_runs(usable, now=now):
            is_new = run.steps_checked_at is None and run.connection.can_list_steps is not False
            yield lambda run=run, is_new=is_new: self.start_run(run, is_light=not is_new)
        for connection in due.connections_to_list(usable, now=now):
            yield lambda connection=connection: self.start_listing(connection)
        for thread in due.threads(usable, now=now):
            yield lambda thread=thread: self.start_thread(thread)
        for run in due.unarchived_runs(usable, now=now):
            yield lambda run=run: self.start_run(run, is_light=False)

    def land_finished(self) -> None:
        finished = [job for job in self.jobs if job.is_in]
        self.jobs = [job for job in self.jobs if not job.is_in]
        for job in finished:
            self.land(job)

    def land_all(self) -> None:
        for job in self.jobs:
            job.reads.wait(HOLD_S)
        self.land_finished()

    def land(self, job: Job) -> None:
        error = job.error
        is_bad = isinstance(error, NoAnswer | UpstreamFailed | Unauthorized)
        self.budget_of(job.connection).heard(is_good=not is_bad)
        try:
            job.land()
        except Exception:
            log.exception("an answer of %s could not be taken into the index", job.connection.slug)

    # Jobs

    def budget_of(self, connection: Connection) -> Budget:
        budget = self.budgets.setdefault(connection.pk, Budget(connection.budget_per_min))
        budget.per_min = 0 if self.unlimited else connection.budget_per_min
        return budget

    def leased(self, row: Model, *, cost: int) -> str | None:
        """A lease on the row when the budget allows it."""
        if not self.budget_of(row.connection).take(cost):
            return None
        return lease.take(row, hold_s=HOLD_S)

    def start_run(self, run: Run, *, is_light: bool) -> None:
        """Light: the run alone, one request; its steps follow as soon as its status has changed."""
        token = self.leased(run, cost=1 if is_light else 4)
        if token is None:
            return
        connection, status = run.connection, run.status
        client = client_for(connection, "worker")
        if is_light:
            ids = {"thread_id": run.thread.upstream_id, "run_id": run.upstream_id}
            reads = Reads({"run": client.background.retrieve_run(**ids)})
        else:
            reads = run_reads(client, run)

        def land() -> None:
            land_run(connection, reads, run=run, token=token)
            fresh = Run.objects.select_related("thread", "connection").get(pk=run.pk)
            if is_light and fresh.status != status:
                self.start_run(fresh, is_light=False)

        self.jobs.append(Job(connection, reads, land))

    def start_thread(self, thread: Thread) -> None:
        """New runs of a thread, and one page further back while its past is not all here."""
        token = self.leased(thread, cost=3)
        if token is None:
            return
        connection = thread.connection
        reads = thread_reads(client_for(connection, "worker"), thread.upstream_id, walk=thread)

        def land() -> None:
            land_thread(connection, reads, thread_id=thread.upstream_id, thread=thread, token=token)
            fresh = Thread.objects.get(pk=thread.pk)
            gone = fresh.trouble and fresh.trouble.get("status") in {404, 410}
            Thread.objects.filter(pk=thread.pk).update(due_at=None if gone else due.next_due(fresh), is_gone=bool(gone))

        self.jobs.append(Job(connection, reads, land))

    def start_listing(self, connection: Connection) -> None:
        """The upstream's newest threads; further pages while they bring new ones."""
        if not self.budget_of(connection).take(1):
            return
        Connection.objects.filter(pk=connection.pk).update(threads_listed_at=timezone.now())
        connection.threads_listed_at = timezone.now()
        after = self.thread_cursors.get(connection.pk) or None
        page = client_for(connection, "worker").background.list_threads(limit=100, order="desc", after=after)
        reads = Reads({"threads": page})
        self.jobs.append(Job(connection, reads, lambda: self.land_listing(connection, reads)))

    def land_listing(self, connection: Connection, reads: Reads) -> None:
        answer = reads.answer("threads")
        if isinstance(answer, NotSupported | Unauthorized):
            Connection.objects.filter(pk=connection.pk).update(can_list_threads=False)
        elif isinstance(answer, ServiceError):
            note_failure(connection, trouble_of(answer))
        elif isinstance(answer, Page):
            self.take_threads(connection, answer, sent_at=reads.sent_at)

    def take_threads(self, connection: Connection, page: Page, *, sent_at: object) -> None:
        note_success(connection)
        ids = [thread.id for thread in page.data if thread.id]
        known = Thread.objects.filter(connection=connection, upstream_id__in=ids).count()
        upsert_threads(connection, page.data, fetched_at=sent_at, added_by="listed")
        goes_on = page.has_more and known < len(ids)
        self.thread_cursors[connection.pk] = ids[-1] if goes_on else ""
        listed_at = None if goes_on else timezone.now()
        Connection.objects.filter(pk=connection.pk).update(can_list_threads=True, threads_listed_at=listed_at)
