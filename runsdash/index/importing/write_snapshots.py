"""Writes further snapshots of runs that are in the index as any snapshot, so that last known values are kept."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from runsdash.index.models import Connection
from runsdash.index.snapshots.upsert_runs import upsert_runs
from runsdash.index.storage.bodies import unpacked
from runsdash.service import objects
from runsdash.service.decoding import decode_json

from .row_types import RunRows, RunSnapshot


def write_snapshots(connection: Connection, runs: Iterable[RunRows], later: Sequence[RunSnapshot]) -> None:
    """Writes the oldest first; snapshots of one age go together, unless they are of one run."""
    snapshots = [RunSnapshot(unpacked(run.body.raw), run.thread_id, run.fetched_at) for run in runs]
    batch: dict[str, objects.Run] = {}
    age: datetime | None = None
    for body, thread_id, fetched_at in sorted([*snapshots, *later], key=lambda one: one.fetched_at):
        run = objects.Run.from_raw(decode_json(body))
        run = run if run.thread_id else replace(run, thread_id=thread_id)
        if fetched_at != age or run.id in batch:
            flush(connection, batch, age)
        age = fetched_at
        batch[run.id] = run
    flush(connection, batch, age)


def flush(connection: Connection, batch: dict[str, objects.Run], age: datetime | None) -> None:
    if batch and age is not None:
        upsert_runs(connection, list(batch.values()), fetched_at=age)
    batch.clear()
