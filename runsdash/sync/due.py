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
from runsdash.index.walks import resting_steps, rests

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


def active(connection: Connection) -> QuerySet[Run]:
    """Finds active runs. Those of a thread that is gone are left out: nobody can ask how they ended."""
    rows = Run.objects.active().filter(connection=connection, thread__is_gone=False)
    return rows.select_related("thread", "connection")


def active_runs(connection: Connection, *, now: datetime, every: timedelta, most: int) -> list[Run]:
    """Finds active runs to read now so that no copy gets older than `every`, the oldest copy first.

    When more of them come due at once than the budget has room for, the first are read early.
    """
    on_time = run_states.in_time(now - LATE_EVERY) | Q(checked_at__lte=now - LATE_EVERY)
    untroubled = Q(trouble__isnull=True) | Q(checked_at__lte=now - TROUBLED_EVERY)
    changed_lately = StatusSeen.objects.filter(run=OuterRef("pk"), seen_at__gt=now - WAITING_LONG)
    unhurried = ~Q(status=run_states.WAITING) | Q(checked_at__lte=now - WAITING_EVERY) | Exists(changed_lately)
    rows = active(connection).filter(free(now), on_time, untroubled, unhurried, checked_at__lte=now - LEAST_AGE)
    ages_s = [
        (now - one).total_seconds()
        for one in rows.order_by("checked_at").values_list("checked_at", flat=True)[:LOOKED_AT]
        if one
    ]
    count = must_start(ages_s, every_s=every.total_seconds(), per_s=connection.budget_per_min / 60 or UNLIMITED_PER_S)
    return list(rows.order_by("checked_at")[: min(count, most)]) if count else []


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
    return list(active(connection).filter(free(now), steps_checked_at__isnull=True).order_by("-id")[:most])


def threads(connection: Connection, *, now: datetime, most: int) -> list[Thread]:
    """Finds threads to look at for new runs, the longest overdue first."""
    rows = Thread.objects.filter(free(now), connection=connection, due_at__lte=now).select_related("connection")
    return list(rows.order_by("due_at")[:most])


def is_crowded(connection: Connection, *, now: datetime) -> bool:
    rows = Thread.objects.filter(connection=connection, due_at__lte=now)
    return len(rows.values_list("pk")[: CROWD + 1]) > CROWD


def unarchived_runs(connection: Connection, *, now: datetime, most: int) -> list[Run]:
    """Finds ended runs without all their steps, newest first. The older, the more rarely after an error."""
    if connection.lacks_steps:
        return []
    rows = Run.objects.filter(free(now), has_all_steps=False, connection=connection, thread__is_gone=False)
    rows = rows.exclude(run_states.active() | resting_steps() | Q(steps_walked_at__gt=now - SETTLING))
    wanted = Q(trouble__isnull=True) | Q(checked_at__lte=now - AGAIN_AT_LEAST)
    for age, again in AGAIN_BY_AGE.items():
        wanted |= Q(id__gte=first_key_of(now - age), checked_at__lte=now - again)
    rows = rows.filter(wanted)
    return list(rows.select_related("thread", "connection").order_by("-id")[:most])


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
