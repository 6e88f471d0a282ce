"""Refreshes a row before a page shows it: waits a little for the upstream unless the copy is fresh.

`refresh_run` and `refresh_thread` return a row that renders. They raise a ServiceError only when there is no copy, and
Purged when there shall be none. Nothing here holds a transaction open while it waits.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from hashlib import blake2b

from django.core.cache import cache
from django.db import DatabaseError
from django.utils import timezone

from runsdash.index.keeping.purge import refuse_purged
from runsdash.index.models import Connection, Run, Thread
from runsdash.index.storage.storable_text import stored_id
from runsdash.prepared import Prepared
from runsdash.service import NoAnswer, NotFound, ServiceError
from runsdash.sync.budget.process_budget import Budget, budget_for, is_paused

from . import lease
from .clients import client_for
from .named_runs import named_run_reads, store_named_runs, unread_runs
from .parallel_reads import Reads, store_later, until
from .store_answers import store_run, store_thread
from .upstream_reads import RUN_COST, THREAD_COST, owes_parts, part_reads, run_reads, thread_reads

PAGE_WAIT_S = 1.0  # a page with a copy waits no longer for a newer one
MAX_AGE_S = 1.5  # an active run's copy younger than this is fresh; polls of pages bring an age of their own
SETTLED_AGE_S = 600.0  # a terminal copy older than this is re-read in the background (its metadata can change)
THREAD_AGE_S = 5.0
log = logging.getLogger(__name__)


@contextmanager
def copy_if_unwritable() -> Iterator[None]:
    """Lets a page go on with the copy when the database takes no writes, as with a full disk."""
    try:
        yield
    except DatabaseError:
        log.exception("nothing can be written, so the copy is shown")


def age_s(moment: datetime | None) -> float:
    return float("inf") if moment is None else (timezone.now() - moment).total_seconds()


RUN_ROW: Prepared[Run] = Prepared(
    lambda connection, run_id: Run.objects.select_related("thread", "connection").filter(
        connection_id=connection, upstream_id=run_id
    )[:1],
    int,
    str,
)


def run_row(connection: Connection, run_id: str) -> Run | None:
    return RUN_ROW.first(connection.pk, stored_id(run_id))


THREAD_ROW: Prepared[Thread] = Prepared(
    lambda connection, thread_id: Thread.objects.select_related("connection").filter(
        connection_id=connection, upstream_id=thread_id
    )[:1],
    int,
    str,
)


def thread_row(connection: Connection, thread_id: str) -> Thread | None:
    return THREAD_ROW.first(connection.pk, stored_id(thread_id))


def checked_age_s(run: Run, *, is_settled: bool, whole: bool) -> float:
    """Says how long ago somebody tried to read it, with its steps where they may have changed since."""
    run_s, steps_s = age_s(run.checked_at), age_s(run.steps_checked_at)
    if is_settled or run.connection.lacks_steps or steps_s <= run_s:
        return run_s
    return steps_s if whole or owes_parts(run) else run_s


def lease_within_budget(row: Run | Thread, connection: Connection, *, cost: int, has_copy: bool = True) -> str | None:
    """Takes the lease to read `row`, unless another has it or fewer than `cost` requests are left. Never waits.

    Where there is no copy to show, the budget refuses nothing.
    """
    budget, token = budget_for(connection), None
    if has_copy and (is_paused(connection) or budget.is_spent(connection)):
        return None
    with copy_if_unwritable():
        token = leased_and_paid(row, connection, budget, cost=cost, has_copy=has_copy)
    return token


def leased_and_paid(
    row: Run | Thread, connection: Connection, budget: Budget, *, cost: int, has_copy: bool
) -> str | None:
    token = lease.take(row, hold_s=connection.timeout_s)
    if token is None:
        return None
    if not has_copy:
        budget.take_anyway(connection, cost)
    elif not budget.take(connection, cost):
        lease.give_back(row, token)
        return None
    return token


def refresh_run(
    connection: Connection,
    *,
    thread_id: str,
    run_id: str,
    wait_s: float = PAGE_WAIT_S,
    max_age_s: float | None = None,
    live_age_s: float = MAX_AGE_S,
) -> Run:
    """Returns the run as fresh as one short wait allows.

    With `max_age_s` its steps and messages are read along in any case. Without it an active run is read again after
    `live_age_s`, a settled one now and then in the background.
    """
    run = run_row(connection, run_id)
    if run is None:
        refuse_purged(connection, thread_id)
        refuse_unasked(connection)
        return first_look_at_run(connection, thread_id=thread_id, run_id=run_id, wait_s=wait_s)
    if is_fresh(run, max_age_s=max_age_s, live_age_s=live_age_s):
        return run
    is_settled = max_age_s is None and run.is_settled
    token = lease_within_budget(run, connection, cost=RUN_COST)
    if token is None:
        return run_row(connection, run_id) or run
    reads = run_reads(client_for(connection), run, whole=max_age_s is not None)
    budget_for(connection).give_back(RUN_COST - len(reads.futures))
    store = partial(store_run, connection, reads, run=run, token=token)
    if not is_settled and reads.wait(wait_s):
        with copy_if_unwritable():
            store()
        fresh = run_row(connection, run_id) or run
        if len(reads.futures) == 1:
            read_parts_later(fresh, since=run)
        return fresh
    store_later(reads, store)
    return run


def refuse_unasked(connection: Connection) -> None:
    """Raises NotFound for what is not in the index, where nobody can be asked for it."""
    if connection.is_retired:
        raise NotFound(f"{connection.slug} is retired, and RunsDash has no copy of this.")
    if not connection.has_upstream:
        raise NotFound(f"{connection.slug} has no server, and nobody has sent this in.")


def read_parts_later(fresh: Run, *, since: Run) -> None:
    """Reads steps and messages of a run whose own object has changed; the next look at it shows them."""
    if fresh.fetched_at is None or (fresh.status, fresh.total_tokens) == (since.status, since.total_tokens):
        return
    connection = fresh.connection
    token = lease_within_budget(fresh, connection, cost=RUN_COST)
    if token is None:
        return
    reads = Reads(part_reads(client_for(connection), fresh))
    budget_for(connection).give_back(RUN_COST - len(reads.futures))
    store_later(reads, partial(store_run, connection, reads, run=fresh, token=token))


def is_fresh(run: Run, *, max_age_s: float | None = None, live_age_s: float = MAX_AGE_S) -> bool:
    """Tells whether `refresh_run` would return the copy as it is, since it is young enough or nobody may ask."""
    whole, is_settled = max_age_s is not None, max_age_s is None and run.is_settled
    if max_age_s is None:
        max_age_s = SETTLED_AGE_S if is_settled else live_age_s
    return checked_age_s(run, is_settled=is_settled, whole=whole) < max_age_s or not run.connection.is_asked


def first_look_at_run(connection: Connection, *, thread_id: str, run_id: str, wait_s: float) -> Run:
    """Fetches a run that is not in the index: one caller at once, the others when it did not appear for a while."""
    mark = f"first-look:{connection.pk}:{hash_of(run_id)}"
    if not cache.add(mark, 1, timeout=connection.timeout_s):
        found = until(lambda: run_row(connection, run_id), seconds=wait_s)
        if found:
            return found
    try:
        return fetched_run(connection, thread_id=thread_id, run_id=run_id)
    finally:
        cache.delete(mark)


def fetched_run(connection: Connection, *, thread_id: str, run_id: str) -> Run:
    """Fetches run, first steps and messages side by side. What comes later than the run is stored in the background."""
    budget_for(connection).take_anyway(connection, RUN_COST)
    reads = run_reads(
        client_for(connection),
        Run(connection=connection, thread=Thread(upstream_id=thread_id), upstream_id=run_id),
    )
    budget_for(connection).give_back(RUN_COST - len(reads.futures))
    if not reads.wait_for("run", connection.timeout_s + lease.LEASE_MARGIN_S):
        raise NoAnswer(f"No answer within {connection.timeout_s:g} s.", sent=True, timed_out=True)
    answer = reads.answer("run")
    if isinstance(answer, ServiceError):
        raise answer
    reads.wait(PAGE_WAIT_S)
    late = reads.unfinished()
    store_run(connection, reads, run=None, token="")
    run = run_row(connection, run_id)
    if run is None:
        refuse_purged(connection, (answer and answer.thread_id) or thread_id)
        raise NoAnswer("The run went away while it was read.", sent=True)
    if late.futures:
        store_later(late, partial(store_run, connection, late, run=run, token=""))
    return run


def refresh_thread(
    connection: Connection, *, thread_id: str, wait_s: float = PAGE_WAIT_S, max_age_s: float = THREAD_AGE_S
) -> Thread:
    """Returns the thread, its newest messages and newest runs refreshed, as far as one short wait allows."""
    thread = thread_row(connection, thread_id)
    if thread is None:
        refuse_purged(connection, thread_id)
        refuse_unasked(connection)
    is_new = thread is None or thread.fetched_at is None
    if thread is not None and is_fresh_thread(thread, max_age_s=max_age_s):
        return thread
    if thread is not None:
        token = lease_within_budget(thread, connection, cost=THREAD_COST, has_copy=not is_new)
        if token is None:
            return thread_row(connection, thread_id) or thread
    else:
        token = ""
        budget_for(connection).take_anyway(connection, THREAD_COST)
    reads = thread_reads(client_for(connection), thread_id, named_runs=unread_runs(connection, thread))
    in_time = reads.wait(connection.timeout_s + lease.LEASE_MARGIN_S if is_new else wait_s)
    if not in_time and thread is not None:
        store_later(reads, partial(store_thread, connection, reads, thread_id=thread_id, thread=thread, token=token))
        return thread
    error = reads.answer("thread")
    if thread is None and isinstance(error, ServiceError):
        raise error
    with copy_if_unwritable():
        store_thread(connection, reads, thread_id=thread_id, thread=thread, token=token)
    thread = thread_row(connection, thread_id)
    if thread is None:
        refuse_purged(connection, thread_id)
        raise NoAnswer(f"No answer within {connection.timeout_s:g} s.", sent=True, timed_out=True)
    return thread if isinstance(error, ServiceError) else with_named_runs(thread, wait_s=wait_s)


def is_fresh_thread(thread: Thread, *, max_age_s: float) -> bool:
    """Tells whether `refresh_thread` would return the copy as it is."""
    return age_s(thread.checked_at) < max_age_s or not thread.connection.is_asked


def with_named_runs(thread: Thread, *, wait_s: float) -> Thread:
    """Reads runs that messages have just named, where the server lists none. Waits a little, too."""
    connection = thread.connection
    run_ids = unread_runs(connection, thread)
    if not run_ids or not budget_for(connection).take(connection, len(run_ids)):
        return thread
    reads = Reads(named_run_reads(client_for(connection), thread.upstream_id, run_ids))
    if not reads.wait(wait_s):
        store_later(reads, partial(store_named_runs, thread, reads))
        return thread
    store_named_runs(thread, reads)
    return thread_row(connection, thread.upstream_id) or thread


def hash_of(text: str) -> str:
    """Shortens an id from outside: a cache key takes only short plain text."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
