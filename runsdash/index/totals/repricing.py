"""Prices runs again, after RUNSDASH_PRICES or the price list changed. Chunk by chunk, so that others can write."""

from collections.abc import Iterator, Mapping
from itertools import groupby

from django.db import connection as database
from django.db import transaction

from runsdash.index.models import Connection, Run, Thread

from .pricing import cost_of
from .rollups import mark_dirty
from .thread_totals import recount

CHUNK = 1000  # runs a transaction
PRICED_BY = ("id", "connection_id", "thread_id", "model", "created_at", "prompt_tokens", "completion_tokens", "cost")


def reprice() -> Iterator[tuple[int, int]]:
    """Prices every run again, oldest first. After each chunk: (runs looked at, costs changed) so far."""
    kinds = dict(Connection.objects.values_list("pk", "kind"))
    seen = changed = last = 0
    while True:
        threads_of = dict(Run.objects.filter(pk__gt=last).order_by("pk").values_list("pk", "thread_id")[:CHUNK])
        if not threads_of:
            return
        with transaction.atomic():
            changed += price_again(locked_runs(threads_of), kinds)
        seen, last = seen + len(threads_of), max(threads_of)
        yield seen, changed


def locked_runs(threads_of: Mapping[int, int]) -> list[Run]:
    """Locks runs until the transaction ends; given are their keys with those of their threads.

    Their threads are held, as by everyone who writes runs (see storage/locks.py). A run that has just moved to another
    thread was priced by who moved it.
    """
    in_order = Thread.objects.filter(pk__in=set(threads_of.values())).order_by("connection_id", "upstream_id")
    held = list(in_order.select_for_update(no_key=True).values_list("pk", flat=True))
    return list(Run.objects.filter(pk__in=list(threads_of), thread_id__in=held).order_by("pk").only(*PRICED_BY))


def price_again(runs: list[Run], kinds: dict[int, str]) -> int:
    """Writes the costs that differ, and what is summed of them; returns how many there were."""
    costs = {run.pk: new_cost(run, kinds[run.connection_id]) for run in runs}
    changed = [run for run in runs if run.cost != costs[run.pk]]
    with database.cursor() as cursor:
        sql = f"UPDATE {database.ops.quote_name(Run._meta.db_table)} SET cost = %s WHERE id = %s"
        cursor.executemany(sql, [(costs[run.pk], run.pk) for run in changed])
    recount({run.thread_id for run in changed})
    changed.sort(key=lambda run: run.connection_id)
    for connection_id, own in groupby(changed, key=lambda run: run.connection_id):
        mark_dirty(connection_id, [run.pk for run in own])
    return len(changed)


def new_cost(run: Run, kind: str) -> float | None:
    return cost_of(
        model=run.model,
        kind=kind,
        created_at=run.created_at,
        prompt_tokens=run.prompt_tokens,
        completion_tokens=run.completion_tokens,
    )
