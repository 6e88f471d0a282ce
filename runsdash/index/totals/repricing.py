"""Prices runs again, after RUNSDASH_PRICES or the price list changed. Chunk by chunk, so that others can write."""

from collections.abc import Iterator, Mapping
from itertools import groupby

from django.db import transaction

from runsdash.index.models import Connection, Run, RunBody, Thread
from runsdash.index.storage.bodies import shown
from runsdash.index.storage.sql_writes import update_rows

from .pricing import cost_of
from .rollups import mark_dirty
from .thread_totals import recount

CHUNK = 1000  # runs a transaction
PRICED_BY = (
    "id", "connection_id", "thread_id", "model", "created_at", "prompt_tokens", "cached_tokens", "completion_tokens",
    "cost",
)  # fmt: skip


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
    count_cached(runs)
    costs = {run.pk: new_cost(run, kinds[run.connection_id]) for run in runs}
    changed = [run for run in runs if run.cost != costs[run.pk]]
    update_rows(Run, ("cost",), [(costs[run.pk], run.pk) for run in changed])
    recount({run.thread_id for run in changed})
    changed.sort(key=lambda run: run.connection_id)
    for connection_id, own in groupby(changed, key=lambda run: run.connection_id):
        mark_dirty(connection_id, [run.pk for run in own])
    return len(changed)


def count_cached(runs: list[Run]) -> None:
    """Reads the cached tokens of runs whose row was written before they were counted."""
    unread = {run.pk: run for run in runs if run.prompt_tokens and run.cached_tokens is None}
    found: list[tuple[int, int]] = []
    for body in shown(RunBody.objects.filter(pk__in=unread)):
        run, count = unread[body.key], body.preview.get("cached_tokens")
        if isinstance(count, int) and 0 < count <= (run.prompt_tokens or 0):
            run.cached_tokens = count
            found.append((count, run.pk))
    update_rows(Run, ("cached_tokens",), found)


def new_cost(run: Run, kind: str) -> float | None:
    return cost_of(
        model=run.model,
        kind=kind,
        created_at=run.created_at,
        prompt_tokens=run.prompt_tokens,
        completion_tokens=run.completion_tokens,
        cached_tokens=run.cached_tokens,
    )
