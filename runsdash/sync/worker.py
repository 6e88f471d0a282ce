"""Reads what is due, most urgent first, side by side, inside each connection's budget.

Pages never depend on it. The rows themselves are the record of work: whatever is killed here is due again when its
lease has lapsed.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain, count, islice, zip_longest
from threading import Event
from time import monotonic, time

from django.db import close_old_connections
from django.utils import timezone

from runsdash.index.bad_rows import skip_if_bad
from runsdash.index.connections import connections as every_connection
from runsdash.index.models import Connection
from runsdash.index.storage.leases import LOOK_EVERY_S
from runsdash.service.background import WORKERS
from runsdash.sync.budget import shared_budget
from runsdash.sync.budget.process_budget import Reader, budget_for, is_paused
from runsdash.sync.budget.shared_budget import Purpose
from runsdash.sync.budget.shared_pauses import PATIENT_FOR, is_resting, note_worker_failure, note_worker_success
from runsdash.sync.parallel_reads import Task

from . import due
from .archiving import Archives
from .worker_beat import BEAT_EVERY_S, note_worker_round
from .worker_reads import NothingLeft, PendingRead, list_threads, look_at_thread, read_run, watch_run

# Requests under way. More would only wait for the service's pool; active runs always find a place in it.
AT_ONCE = WORKERS
OTHERS_AT_ONCE = WORKERS // 2
BUSY_S = 0.1
LAST_WAIT_S = 3.0  # when stopped
FAILED_WAIT_S = 2.0  # after a round that an error ended
SWEEP_EVERY_S = 60.0
Start = Callable[[], PendingRead | None]
log = logging.getLogger(__name__)


@dataclass
class Chore:
    """Does something else now and then, which a room above gives to the worker."""

    act: Task
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
    """Reads for one process. `unlimited` ignores budgets (first start of the demo)."""

    def __init__(self, *, unlimited: bool = False, chores: Sequence[Chore] = ()) -> None:
        self.unlimited = unlimited
        self.chores = [
            Chore(note_worker_round, every_s=BEAT_EVERY_S),
            *chores,
            Chore(lambda: shared_budget.sweep(now_s=time()), every_s=SWEEP_EVERY_S),
        ]
        self.pending: list[PendingRead] = []
        self.archives = Archives()
        self.bell = Event()  # rings when an answer is in, and when the worker shall stop
        self.turns = count()
        self.waiting: set[int] = set()  # connections that had more due than could be started

    # Rounds

    def run(self, stop: Event) -> bool:
        """Works until `stop` is set and waits LAST_WAIT_S for what is under way. False when some of it did not end."""
        while not stop.is_set():
            self.bell.clear()
            close_old_connections()
            wait_s = self.surviving_round()
            if not stop.is_set():
                self.bell.wait(wait_s)
        return self.store_all(seconds=LAST_WAIT_S)

    def surviving_round(self) -> float:
        """Goes round once and returns the seconds to wait. An error, of a full disk too, ends the round alone."""
        try:
            return BUSY_S if self.round() or self.waiting else LOOK_EVERY_S
        except Exception:
            log.exception("a round of the worker failed; the next one is in %g s", FAILED_WAIT_S)
            return FAILED_WAIT_S

    def run_until_idle(self, *, seconds: float) -> bool:
        """Goes round until nothing is due or under way. False when the time was over first."""
        deadline = monotonic() + seconds
        while monotonic() < deadline:
            self.bell.clear()
            if self.round() == 0 and not self.waiting:
                return True
            self.bell.wait(BUSY_S)
        self.store_all(seconds=LAST_WAIT_S)
        return False

    def round(self) -> int:
        """Stores what is in and starts what is due and affordable; returns how many reads are under way then."""
        self.store_finished()
        for chore in self.chores:
            chore.act_if_due()
        usable = [one for one in every_connection() if one.is_asked and not is_paused(one) and not is_resting(one)]
        waiting = set()
        for connection in usable:
            with skip_if_bad("connection", connection.slug):
                if not self.serve(connection):
                    waiting.add(connection.pk)
        self.waiting = waiting
        return len(self.pending)

    def serve(self, connection: Connection) -> bool:
        """Starts a read of the floor, reads of active runs, then others. False when something is left waiting.

        After PATIENT_FOR failures it tries with one read at a time.
        """
        budget, now = budget_for(connection, Reader.WORKER), timezone.now()
        budget.is_unlimited = self.unlimited
        budget.book_owed(connection)
        if connection.failures >= PATIENT_FOR:
            return self.probe(connection, now=now)
        with budget.one_round():
            if connection.budget_per_min > 0 and budget.window(connection).has_floor:
                self.start_some(self.floor_reads(connection, now=now))
            if not budget.is_spent(connection, purpose=Purpose.ACTIVE):
                self.start_some(self.active_reads(connection, now=now))
            if budget.is_spent(connection, purpose=Purpose.OTHER):
                return False
            return self.start_some(self.other_reads(connection, now=now))

    def probe(self, connection: Connection, *, now: datetime) -> bool:
        """Tries one read at a time after failures, until one succeeds. A probe is no waiting work."""
        if not any(read.connection.pk == connection.pk for read in self.pending):
            starts = chain(self.active_reads(connection, now=now), self.other_reads(connection, now=now))
            self.start_some(islice(starts, 1))
        return True

    def start_some(self, starts: Iterator[Start]) -> bool:
        """Starts one after the other. False when something was left waiting, for want of budget or of room."""
        for start in starts:
            read = None
            with skip_if_bad("read", start):
                try:
                    read = start()
                except NothingLeft:
                    return False
            if read is not None:
                self.take_on(read)
        return True

    def take_on(self, read: PendingRead) -> None:
        self.pending.append(read)
        for future in read.reads.futures.values():
            future.add_done_callback(lambda _: self.bell.set())

    def room(self, *, is_watch: bool) -> int:
        """Returns how many more requests may be under way."""
        if is_watch:
            return AT_ONCE - sum(len(read.reads.futures) for read in self.pending)
        return OTHERS_AT_ONCE - sum(len(read.reads.futures) for read in self.pending if not read.is_watch)

    # What is due

    def active_reads(self, connection: Connection, *, now: datetime) -> Iterator[Start]:
        every = due.SHARED_EVERY if connection.pk in self.waiting else due.ACTIVE_EVERY
        for run in due.active_runs(connection, now=now, every=every, most=max(0, self.room(is_watch=True))):
            yield partial(watch_run, run)

    def floor_reads(self, connection: Connection, *, now: datetime) -> Iterator[Start]:
        """Offers one of the other reads that waits, as small as there is."""
        if due.is_listing_due(connection, now=now):
            yield partial(list_threads, connection, purpose=Purpose.FLOOR)
            return
        for thread in due.threads(connection, now=now, most=1):
            yield partial(look_at_thread, thread, is_whole=False, purpose=Purpose.FLOOR)

    def other_reads(self, connection: Connection, *, now: datetime) -> Iterator[Start]:
        """Offers the list of threads; then steps, looks at threads and ended runs in turn; and last the archive."""
        if due.is_listing_due(connection, now=now):
            yield partial(list_threads, connection)
        undetailed = due.undetailed_runs(connection, now=now, most=OTHERS_AT_ONCE)
        steps = (partial(read_run, run) for run in undetailed)
        crowded = not self.unlimited and due.is_crowded(connection, now=now)
        looks = (
            partial(look_at_thread, one, is_whole=due.needs_whole_look(one, now=now, crowded=crowded))
            for one in due.threads(connection, now=now, most=OTHERS_AT_ONCE)
        )
        reads = (partial(read_run, run) for run in due.unarchived_runs(connection, now=now, most=OTHERS_AT_ONCE))
        kinds = deque([steps, looks, reads])
        kinds.rotate(next(self.turns))  # where there is room for one, each kind has it in turn
        for start in chain.from_iterable(zip_longest(*kinds)):
            if start is not None:
                yield from self.if_room(start)
        if not (self.unlimited or crowded):
            for start in self.archives.starts(connection):
                yield from self.if_room(start)

    def if_room(self, start: Start) -> Iterator[Start]:
        yield start if self.room(is_watch=False) > 0 else nothing_left

    # What is in

    def store_finished(self) -> None:
        """Stores active runs first, then one of the others: a page of a hundred runs takes a while."""
        finished = sorted((one for one in self.pending if one.is_in), key=lambda one: not one.is_watch)
        first_other = next((at for at, one in enumerate(finished) if not one.is_watch), len(finished))
        for read in finished[: first_other + 1]:
            self.pending.remove(read)
            self.store(read)
        if len(finished) > first_other + 1:
            self.bell.set()

    def store_all(self, *, seconds: float) -> bool:
        """Waits a while, stores what is in, and leaves what is not to other workers. True when nothing was left."""
        deadline = monotonic() + seconds
        while self.pending and monotonic() < deadline:
            self.pending[0].reads.wait(deadline - monotonic())
            self.store_finished()
        left, self.pending = self.pending, []
        for read in left:
            read.give_up()
        return not left

    def store(self, read: PendingRead) -> None:
        if read.has_failed:
            note_worker_failure(read.connection, sent_at=read.reads.sent_at)
        else:
            note_worker_success(read.connection)
        try:
            read.store()
        except Exception:
            read.give_up()
            log.exception("an answer of %s could not be taken into the index", read.connection.slug)


def nothing_left() -> None:
    raise NothingLeft
