"""`DATABASE_URL=… python -m benchmarks.crowd THREADS`: threads that are due at once, and the runs whose JSON comes by stdin.

For an empty, migrated database whose environment names the upstream.
"""

import json
import sys

import django


def fill(threads: int, raws: list[dict]) -> None:
    from django.utils import timezone

    from runsdash.index.connections import connections
    from runsdash.index.models import Thread
    from runsdash.index.snapshots.upsert_runs import upsert_runs
    from runsdash.index.storage.keys import key_for
    from runsdash.service import objects

    now, (connection,) = timezone.now(), connections()
    ids = [f"thread_{number}" for number in range(threads)]
    keys = [key_for(connection_id=connection.pk, upstream_id=one, created_at=now) for one in ids]
    rows = [
        Thread(id=key, connection=connection, upstream_id=one, due_at=now) for key, one in zip(keys, ids, strict=True)
    ]
    Thread.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
    upsert_runs(connection, [objects.Run.from_raw(raw) for raw in raws], fetched_at=now)


if __name__ == "__main__":
    django.setup()
    fill(int(sys.argv[1]), json.load(sys.stdin))
