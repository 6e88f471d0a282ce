"""Writes which runs were started by calls of steps, once those are in the index."""

from collections.abc import Sequence

from runsdash.index.models import ChildRun, Connection, RunStep
from runsdash.index.snapshots.known_rows import chunks

from .row_types import StartedRun


def write_started(connection: Connection, started: Sequence[StartedRun]) -> set[str]:
    """Writes those whose step is here, and returns the ids of their threads. The first step to name a run keeps it.

    A step that waits for its run is read again at the end, and what it started with it.
    """
    found: list[tuple[StartedRun, int, int]] = []
    for some in chunks(sorted({one.step_id for one in started})):
        steps = RunStep.objects.filter(connection=connection, upstream_id__in=some)
        named = steps.values_list("upstream_id", "pk", "run_id")
        keys = {upstream_id: (step_key, run_key) for upstream_id, step_key, run_key in named}
        found += [(one, *keys[one.step_id]) for one in started if one.step_id in keys]
    children = [
        ChildRun(
            connection=connection,
            upstream_id=one.upstream_id,
            thread_upstream_id=one.thread_id,
            parent_id=run_key,
            step_key=step_key,
        )
        for one, step_key, run_key in found
    ]
    ChildRun.objects.bulk_create(children, ignore_conflicts=True)
    return {child.thread_upstream_id for child in children} - {""}
