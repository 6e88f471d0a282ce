"""Finds what the worker should read next of one connection, most urgent first. Plain queries, each on an index."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from runsdash.index import run_states
from runsdash.index.models import Connection, Run, StatusSeen, Thread
from runsdash.index.snapshots.ended_runs import SETTLING
from runsdash.index.storage.keys import first_key_of
from runsdash.index.storage.leases import free
from runsdash.index.walks import WALK_AGAIN, doubted_since, rests
from runsdash.prepared import Prepared, Value, first_of

from .last_error import may_be_gone
from .named_runs import unread_runs

# A little slower than the fastest poll of a page: an open page reads its run itself. Were both due at the same moment,
# the page would lose the lease each time and show old news until its next poll.
ACTIVE_EVERY = timedelta(seconds=2.4)
# While other reads wait, active runs leave them some of the budget; a change is still seen within three seconds.
SHARED_EVERY = timedelta(seconds=2.7)
LEAST_AGE = timedelta(seconds=0.5)
# Whoever has a waiting run or the inbox open reads it themselves; others can wait for news of one that waits for long.
WAITING_LONG = timedelta(minutes=1)
WAITING_EVERY = timedelta(seconds=10)
LATE_EVERY = timedelta(seconds=60)  # past its deadline and still called active: labelled, not spun on
TROUBLED_EVERY = timedelta(seconds=10)
# How often steps are asked for that the server refused, by the age of the run: some servers forget them for good.
AGAIN_BY_AGE = {timedelta(hours=1): timedelta(minutes=1), timedelta(days=1): timedelta(minutes=10)}
AGAIN_AT_LEAST = timedelta(hours=1)
LIST_THREADS_EVERY = timedelta(seconds=20)
LOCKED_EVERY = timedelta(minutes=1)  # while a run holds a thread's lock no other can begin there
WHOLE_THREAD_EVERY = timedelta(minutes=10)  # its metadata and messages, not its runs alone
UNLIMITED_PER_S = 1000.0
LOOKED_AT = 500  # active runs
CROWD = 50  # threads due from which each look is as cheap as can be
# How soon a thread is looked at again, by the age of its last run.
HEAT = [
    (timedelta(minutes=10), timedelta(seconds=15)),
    (timedelta(hours=2), timedelta(minutes=1)),
    (timedelta(days=1), timedelta(minutes=10)),
    (timedelta(days=7), timedelta(hours=1)),
]
COLD = timedelta(hours=6)


def active(connection_id: int) -> QuerySet[Run]:
    """Finds active runs. Those of a thread that is gone are left out: nobody can ask how they ended."""
    return Run.objects.active().filter(connection_id=connection_id, thread__is_gone=False)


def active_runs(connection: Connection, *, now: datetime, every: timedelta, most: int) -> list[Run]:
    """Finds active runs to read now so that no copy gets older than `every`, the oldest copy first.

    When more of them come due at once than the budget has room for, the first are read early.
    """
    given: list[Value] = [connection.pk, now, *(now - age for age in AGO)]
    ages_s = [(now - run.checked_at).total_seconds() for run in AGES.rows(*given) if run.checked_at]
    count = must_start(ages_s, every_s=every.total_seconds(), per_s=connection.budget_per_min / 60 or UNLIMITED_PER_S)
    started = min(count, most)
    return first_of(with_owners, started, *KINDS).rows(*given) if started else []


AGO = (LEAST_AGE, LATE_EVERY, TROUBLED_EVERY, WAITING_LONG, WAITING_EVERY)


def readable(connection_id: int, now: datetime, *ago: datetime) -> QuerySet[Run]:
    """Finds active runs that may be read, the oldest copy first. `ago`: the moments that AGO is long before now."""
    old, late, troubled, lately, waited = ago
    on_time = run_states.in_time(late) | Q(checked_at__lte=late)
    untroubled = Q(trouble__isnull=True) | Q(checked_at__lte=troubled)
    changed_lately = StatusSeen.objects.filter(run=OuterRef("pk"), seen_at__gt=lately)
    unhurried = ~Q(status=run_states.WAITING) | Q(checked_at__lte=waited) | Exists(changed_lately)
    rows = active(connection_id).filter(free(now), on_time, untroubled, unhurried, checked_at__lte=old)
    return rows.order_by("checked_at")


def with_owners(connection_id: int, now: datetime, *ago: datetime) -> QuerySet[Run]:
    return readable(connection_id, now, *ago).select_related("thread", "connection")


def ages(connection_id: int, now: datetime, *ago: datetime) -> QuerySet[Run]:
    return readable(connection_id, now, *ago).only("checked_at")[:LOOKED_AT]


KINDS = int, datetime, *(datetime for _ in AGO)
AGES = Prepared(ages, *KINDS)


def must_start(ages_s: Sequence[float], *, every_s: float, per_s: float) -> int:
    """Counts the runs to read now, so that each is read within `every_s` at `per_s` reads a second.

    `ages_s` are those of their copies, the oldest first. By the time the k-th is due, the k oldest need k reads; there
    is time for `room` of them later, so k − room have to start now. With every_s 2.4 and per_s 10:

        k       1    2    3    4
        age     2.3  2.3  2.3  2.0
        room    1    1    1    4      (2.4 − age) · 10
        behind  0    1    2    0      so two start now
    """
    behind = 0.0
    for k, age_s in enumerate(ages_s, start=1):
        room = max(0.0, every_s - age_s) * per_s
        behind = max(behind, k - room)
    return ceil(behind)


def undetailed_runs(connection: Connection, *, now: datetime, most: int) -> list[Run]:
    """Finds active runs whose steps were not read yet, or not since their status changed."""
    if connection.lacks_steps:
        return []
    return first_of(undetailed, most, int, datetime).rows(connection.pk, now)


def undetailed(connection_id: int, now: datetime) -> QuerySet[Run]:
    rows = active(connection_id).filter(free(now), steps_checked_at__isnull=True)
    return rows.select_related("thread", "connection").order_by("-id")


def threads(connection: Connection, *, now: datetime, most: int) -> list[Thread]:
    """Finds threads to look at for new runs, the longest overdue first."""
    return first_of(due_threads, most, int, datetime).rows(connection.pk, now)


def due_threads(connection_id: int, now: datetime) -> QuerySet[Thread]:
    rows = Thread.objects.filter(free(now), connection_id=connection_id, due_at__lte=now)
    return rows.select_related("connection").order_by("due_at")


def is_crowded(connection: Connection, *, now: datetime) -> bool:
    return len(CROWDING.rows(connection.pk, now)) > CROWD


def crowding(connection_id: int, now: datetime) -> QuerySet[Thread]:
    return Thread.objects.filter(connection_id=connection_id, due_at__lte=now).only("pk")[: CROWD + 1]


CROWDING = Prepared(crowding, int, datetime)


def unarchived_runs(connection: Connection, *, now: datetime, most: int) -> list[Run]:
    """Finds ended runs without all their steps, newest first. The older, the more rarely after an error."""
    if connection.lacks_steps:
        return []
    by_age: list[Value] = []
    for age, again in AGAIN_BY_AGE.items():
        by_age += first_key_of(now - age), now - again
    given: list[Value] = [connection.pk, now, now - WALK_AGAIN, now - SETTLING, now - AGAIN_AT_LEAST, *by_age]
    return first_of(unarchived, most, *map(type, given)).rows(*given)


def unarchived(
    connection_id: int, now: datetime, rested: datetime, settled: datetime, old: datetime, *by_age: Value
) -> QuerySet[Run]:
    """Finds ended runs without all their steps. `by_age`: keys that runs have at least, each with a moment."""
    rows = Run.objects.filter(free(now), has_all_steps=False, connection_id=connection_id, thread__is_gone=False)
    rows = rows.exclude(run_states.active() | doubted_since(rested) | Q(steps_walked_at__gt=settled))
    wanted = Q(trouble__isnull=True) | Q(checked_at__lte=old)
    for first, again in zip(by_age[::2], by_age[1::2], strict=True):
        wanted |= Q(id__gte=first, checked_at__lte=again)
    return rows.filter(wanted).select_related("thread", "connection").order_by("-id")


def is_listing_due(connection: Connection, *, now: datetime) -> bool:
    last = connection.threads_listed_at
    return not connection.lacks_threads and (last is None or last <= now - LIST_THREADS_EVERY)


def needs_whole_look(thread: Thread, *, now: datetime, crowded: bool) -> bool:
    """Tells whether to read the thread and its messages, too. In a crowd the runs of every thread come first."""
    has_been_walked = thread.has_all_runs or bool(thread.runs_cursor) or rests(thread, "runs")
    if may_be_gone(thread.trouble):
        return True
    if thread.fetched_at is None:
        return has_been_walked or not crowded
    return not crowded and thread.fetched_at <= now - WHOLE_THREAD_EVERY


def next_due(thread: Thread, *, is_whole: bool) -> datetime:
    """Says when to look at a thread again: hot ones soon, cold ones rarely."""
    now = timezone.now()
    if (not thread.has_all_runs and thread.runs_cursor) or unread_runs(thread.connection, thread):
        return now
    if Run.objects.active().filter(thread=thread).exists():
        return now + LOCKED_EVERY
    age = now - (thread.last_run_at or thread.added_at)
    every = next((every for limit, every in HEAT if age < limit), COLD)
    return now + (min(every, LOCKED_EVERY) if thread.fetched_at is None and not is_whole else every)
