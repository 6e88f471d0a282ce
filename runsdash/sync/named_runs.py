"""Reads runs that a thread's messages name, where the server has no list of runs."""

from concurrent.futures import Future
from typing import Any

from django.core.cache import cache
from django.db.models import Exists, OuterRef

from runsdash.index.models import Connection, Message, Run, Thread
from runsdash.index.models.connections import LOOK_AGAIN_AFTER
from runsdash.index.snapshots.upsert_runs import upsert_runs
from runsdash.service import Client, NotFound, ServiceError, objects

from .parallel_reads import Reads

RUNS_A_READ = 10
MESSAGES_LOOKED_AT = 200
FORGOTTEN = 500  # ids of one thread that the server said not to know
_PREFIX = "run "


def unread_runs(connection: Connection, thread: Thread | None) -> list[str] | None:
    """Finds the newest runs that messages name and that are not here; None where the server lists runs."""
    if not connection.lacks_runs:
        return None
    if thread is None:
        return []
    here = Run.objects.filter(connection_id=thread.connection_id, upstream_id=OuterRef("run_upstream_id"))
    rows = Message.objects.filter(~Exists(here), thread=thread)
    rows = rows.exclude(run_upstream_id__in=["", *cache.get(key_of(thread), [])]).order_by("-position")
    named = rows.values_list("run_upstream_id", flat=True)[:MESSAGES_LOOKED_AT]
    return list(dict.fromkeys(named))[:RUNS_A_READ]


def named_run_reads(client: Client, thread_id: str, run_ids: list[str]) -> dict[str, Future[Any]]:
    return {_PREFIX + one: client.background.retrieve_run(thread_id=thread_id, run_id=one) for one in run_ids}


def store_named_runs(thread: Thread, reads: Reads) -> ServiceError | None:
    """Stores the runs that came. One that the server does not know is not asked for again for a while."""
    answers = {name: reads.answer(name) for name in reads.futures if name.startswith(_PREFIX)}
    runs = [one for one in answers.values() if isinstance(one, objects.Run)]
    upsert_runs(thread.connection, runs, fetched_at=reads.sent_at, thread_id=thread.upstream_id)
    unknown = [name.removeprefix(_PREFIX) for name, one in answers.items() if isinstance(one, NotFound)]
    if unknown:
        forgotten = [*unknown, *cache.get(key_of(thread), [])][:FORGOTTEN]
        cache.set(key_of(thread), forgotten, timeout=LOOK_AGAIN_AFTER.total_seconds())
    errors = (one for one in answers.values() if isinstance(one, ServiceError) and not isinstance(one, NotFound))
    return next(errors, None)


def key_of(thread: Thread) -> str:
    return f"unknown-runs:{thread.pk}"
