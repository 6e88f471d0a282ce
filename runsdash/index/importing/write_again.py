"""Further snapshots of runs that are in the index: the ordinary way, where last known values are kept."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from runsdash.index.models import Connection
from runsdash.index.snapshots.upsert_runs import upsert_runs
from runsdash.index.storage.bodies import unpacked
from runsdash.service import objects
from runsdash.service.decoding import decode_json

from .row_types import RunRows, RunSnapshot


def write_snapshots(connection: Connection, parts: Iterable[RunRows], again: Sequence[RunSnapshot]) -> None:
    """Oldest first; snapshots of one age go together, unless they are of one run."""
    snapshots = [RunSnapshot(unpacked(part.body[-1]), part.thread_id, part.fetched_at) for part in parts]
    waiting: dict[str, objects.Run] = {}
    age: datetime | None = None
    for body, thread_id, fetched_at in sorted([*snapshots, *again], key=lambda one: one.fetched_at):
        run = objects.Run.from_raw(decode_json(body))
        run = run if run.thread_id else replace(run, thread_id=thread_id)
        if fetched_at != age or run.id in waiting:
            flush(connection, waiting, age)
        age = fetched_at
        waiting[run.id] = run
    flush(connection, waiting, age)


def flush(connection: Connection, waiting: dict[str, objects.Run], age: datetime | None) -> None:
    if waiting:
        upsert_runs(connection, list(waiting.values()), fetched_at=age)
    waiting.clear()
