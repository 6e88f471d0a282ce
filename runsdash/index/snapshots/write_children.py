"""Writes which runs were started by calls of steps, and makes their threads known, so that workers read them."""

from collections.abc import Iterable

from runsdash.index.models import ChildRun, Connection, PurgedThread, RunStep, Thread
from runsdash.index.storage.previews import MAX_CALLS_IN_ROW
from runsdash.index.storage.storable_text import stored_id
from runsdash.service import objects

from .upsert_threads import insert_threads

Steps = Iterable[tuple[RunStep, objects.RunStep]]


def write_children(connection: Connection, steps: Steps) -> None:
    """Writes the runs that calls of these steps started. The first step to name a run keeps it."""
    add_children(connection, children_of(connection, steps))


def write_missing_children(connection: Connection, steps: Steps) -> None:
    """Writes those of unchanged steps that are not here: an older version kept none. One look where calls name runs."""
    children = children_of(connection, steps)
    ids = {child.upstream_id for child in children}
    there = ChildRun.objects.filter(connection=connection, upstream_id__in=ids) if ids else ChildRun.objects.none()
    known = set(there.values_list("upstream_id", flat=True))
    add_children(connection, [child for child in children if child.upstream_id not in known])


def children_of(connection: Connection, steps: Steps) -> list[ChildRun]:
    return [
        ChildRun(
            connection=connection,
            upstream_id=stored_id(call.child_run_id),
            thread_upstream_id=stored_id(call.child_thread_id or ""),
            parent_id=row.run_id,
            step_key=row.pk,
        )
        for row, step in steps
        for call in step.tool_calls[:MAX_CALLS_IN_ROW]
        if call.child_run_id and call.child_run_id != step.run_id
    ]


def add_children(connection: Connection, children: list[ChildRun]) -> None:
    if children:
        ChildRun.objects.bulk_create(children, ignore_conflicts=True)
        make_known(connection, {child.thread_upstream_id for child in children} - {""})


def make_known(connection: Connection, thread_ids: set[str]) -> None:
    """Adds threads that are not in the index and were not purged. Locks none that are there."""
    mine = {"connection": connection, "upstream_id__in": thread_ids}
    for known in (Thread, PurgedThread):
        thread_ids = thread_ids - set(known.objects.filter(**mine).values_list("upstream_id", flat=True))
    if thread_ids:
        insert_threads(connection, sorted(thread_ids), added_by="")
