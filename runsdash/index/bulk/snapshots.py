"""Further snapshots of runs that are in the index: the ordinary way, where last known values are kept."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from runsdash.index.bodies import unpacked
from runsdash.index.models import Connection
from runsdash.index.upsert import upsert_runs
from runsdash.service import objects
from runsdash.service.decoding import decode_json

from .parts import Again, RunPart


def write_snapshots(connection: Connection, parts: Iterable[RunPart], again: Sequence[Again]) -> None:
    """Oldest first; snapshots of one age go together, unless they are of one run."""
    snapshots = [(part.fetched_at, unpacked(part.body[-1])) for part in parts]
    snapshots += [(one.fetched_at, one.line) for one in again]
    waiting: dict[str, objects.Run] = {}
    age: datetime | None = None
    for fetched_at, body in sorted(snapshots, key=lambda pair: pair[0]):
        run = objects.Run.from_raw(decode_json(body))
        if fetched_at != age or run.id in waiting:
            flush(connection, waiting, age)
        age = fetched_at
        waiting[run.id] = run
    flush(connection, waiting, age)


def flush(connection: Connection, waiting: dict[str, objects.Run], age: datetime | None) -> None:
    if waiting:
        upsert_runs(connection, list(waiting.values()), fetched_at=age)
    waiting.clear()
