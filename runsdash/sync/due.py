"""What the worker should read next, most urgent first. Plain queries, each on an index."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from runsdash.index.models import Connection, Run, Thread

# Longer than the fastest poll of a page: a page that is open reads its run itself, and both at once would make its poll
# lose the lease and show old news until the next one.
ACTIVE_EVERY = timedelta(seconds=3)
OVERDUE_EVERY = timedelta(seconds=60)  # past expires_at and still called active: labelled, not spun on
TROUBLED_EVERY = timedelta(seconds=10)
LOOKED_AT = 200  # rows a query
LIST_THREADS_EVERY = timedelta(seconds=20)
ACTIVE = ("queued", "in_progress", "requires_action", "cancelling")
# How soon a thread is looked at again, by the age of its last run.
HEAT = [
    (timedelta(minutes=10), timedelta(seconds=15)),
    (timedelta(hours=2), timedelta(minutes=1)),
    (timedelta(days=1), timedelta(minutes=10)),
    (timedelta(days=7), timedelta(hours=1)),
]
COLD = timedelta(hours=6)


def active_runs(connections: list[Connection], *, now: datetime) -> Iterator[Run]:
    """Active runs whose copy is old enough to be read again, the oldest copy first."""
    rows = Run.objects.filter(status__in=ACTIVE, checked_at__lte=now - ACTIVE_EVERY, connection__in=connections)
    for run in rows.select_related("thread", "connection").order_by("checked_at")[:LOOKED_AT]:
        if run.checked_at <= now - interval_of(run, now=now):
            yield run


def interval_of(run: Run, *, now: datetime) -> timedelta:
    if run.expires_at is not None and run.expires_at < now - OVERDUE_EVERY:
        return OVERDUE_EVERY
    return TROUBLED_EVERY if run.trouble else ACTIVE_EVERY


def threads(connections: list[Connection], *, now: datetime) -> Iterator[Thread]:
    rows = Thread.objects.filter(due_at__lte=now, connection__in=connections)
    yield from rows.select_related("connection").order_by("due_at")[:LOOKED_AT]


def unarchived_runs(connections: list[Connection], *, now: datetime) -> Iterator[Run]:
    """Ended runs whose steps are not all here yet, newest first."""
    rows = Run.objects.filter(has_all_steps=False, connection__in=connections).exclude(status__in=ACTIVE)
    rows = rows.filter(Q(trouble__isnull=True) | Q(checked_at__lte=now - TROUBLED_EVERY * 6))
    rows = rows.exclude(connection__can_list_steps=False).select_related("thread", "connection")
    yield from rows.order_by("-id")[:LOOKED_AT]


def connections_to_list(connections: list[Connection], *, now: datetime) -> Iterator[Connection]:
    """Connections whose threads should be listed again."""
    for connection in connections:
        last = connection.threads_listed_at
        if connection.can_list_threads is not False and (last is None or last <= now - LIST_THREADS_EVERY):
            yield connection


def next_due(thread: Thread) -> datetime:
    """When to look at a thread again: hot ones soon, cold ones rarely."""
    now = timezone.now()
    if not thread.has_all_runs and thread.runs_cursor:
        return now
    age = now - (thread.last_run_at or thread.added_at)
    return now + next((every for limit, every in HEAT if age < limit), COLD)
