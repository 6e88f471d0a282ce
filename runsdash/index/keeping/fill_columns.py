"""Fills columns that a migration left empty: what lists show of a conversation. A chore of the worker.

Thread by thread, newest first, in short transactions that hold one thread. What is left is told by the rows
themselves, so it goes on after any end, and a table that is filled costs one look at an empty index.
"""

from time import monotonic

from django.db import transaction

from runsdash.index.bad_rows import skip_if_bad
from runsdash.index.fulltext.writer import refresh_excerpts, write_thread_excerpts
from runsdash.index.models import Run, Thread
from runsdash.index.storage.locks import hold_thread
from runsdash.index.totals.thread_totals import recount

RUNS_A_TRANSACTION = 100
FILL_S = 0.25  # a call's share of the worker's second
_bad: set[int] = set()  # threads that could not be filled; the next process tries again


def fill_columns(*, within_s: float = FILL_S) -> int:
    """Fills as much as fits into `within_s` seconds; returns how many threads are done."""
    deadline, done = monotonic() + within_s, 0
    while monotonic() < deadline:
        thread = Thread.objects.filter(active_runs__isnull=True).exclude(pk__in=_bad).order_by("-pk").first()
        if thread is None:
            break
        _bad.add(thread.pk)
        with skip_if_bad("thread", thread.upstream_id):
            done += fill_some(thread)
            _bad.discard(thread.pk)
    return done


def fill_some(thread: Thread) -> bool:
    """Fills some runs of a thread. True when it has no more: then the thread itself is filled, too."""
    with transaction.atomic():
        if not hold_thread(thread.pk):
            return False
        unfilled = Run.objects.filter(thread=thread, question__isnull=True).order_by("-pk")
        keys = list(unfilled.values_list("pk", flat=True)[:RUNS_A_TRANSACTION])
        refresh_excerpts(keys)
        if len(keys) == RUNS_A_TRANSACTION:
            return False
        write_thread_excerpts(thread)
        recount([thread.pk])
        return True
