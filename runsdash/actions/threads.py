"""Adds threads to the index by their ids, deletes one upstream, purges one from RunsDash.

The upstream is asked about an added thread later, by whoever opens it or by the worker.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from django.utils import timezone

from runsdash.accounts.models import User
from runsdash.index.keeping.archive import meter_of
from runsdash.index.keeping.overwrite import empty_log
from runsdash.index.keeping.purge import let_back_in, purge_some, shut_out
from runsdash.index.models import Connection, Job, Thread
from runsdash.index.snapshots.upsert_threads import ensure_threads
from runsdash.service import Client, NotFound, objects
from runsdash.service.json_types import JsonObject
from runsdash.sync.jobs.jobs import add_job, cancel_job

from .audited_call import UNCHANGED, AuditedCall, Columns, carry_out
from .audited_change import change

CHUNK = 500  # ids in one IN (…)
IDS_IN_TRAIL = 100
PURGE_S = 1.0  # whoever purges a thread waits no longer; a job does the rest


@dataclass(frozen=True)
class AddedThreads:
    """Counts how many threads were new, how many known before, and how many of all had been purged."""

    new: int
    known: int
    back: int


def add_threads(*, actor: User, connection: Connection, thread_ids: Sequence[str]) -> AddedThreads:
    """Makes rows for ids that are not there yet. Purged ones come back."""

    def act() -> tuple[AddedThreads, JsonObject]:
        known = known_ids(connection, thread_ids)
        new = [one for one in thread_ids if one not in known]
        back = let_back_in(connection, thread_ids)
        ensure_threads(connection, new, added_by=actor.get_username())
        added = AddedThreads(new=len(new), known=len(known), back=back)
        return added, asdict(added) | {"thread_ids": new[:IDS_IN_TRAIL]}

    return change(actor=actor, action="add_threads", right="can_act", connection_slug=connection.slug, act=act)


def add_threads_of_file(*, actor: User, connection: Connection, file_name: str, size: int) -> Job:
    """Leaves a text file in FILES_DIR to a worker, which adds every thread that it names."""

    def act() -> tuple[Job, JsonObject]:
        name = actor.get_username()
        job = add_job("find_threads", connection=connection, created_by=name, file_name=file_name, total=size)
        return job, {"job": job.pk, "bytes": size}

    return change(actor=actor, action="add_threads", right="can_act", connection_slug=connection.slug, act=act)


def stop_import(*, actor: User, job: Job) -> bool:
    """Ends a job that adds threads before its next piece; those it has added stay. False when it was over already."""

    def act() -> tuple[bool, JsonObject]:
        is_stopped = cancel_job(job)
        return is_stopped, {"job": job.pk, "is_stopped": is_stopped}

    slug = job.connection.slug if job.connection else ""
    return change(actor=actor, action="stop_import", right="can_act", connection_slug=slug, act=act)


def known_ids(connection: Connection, thread_ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(thread_ids), CHUNK):
        some = Thread.objects.filter(connection=connection, upstream_id__in=thread_ids[start : start + CHUNK])
        found.update(some.values_list("upstream_id", flat=True))
    return found


def delete_thread(*, actor: User, thread: Thread, token: str | None = None, reason: str = "") -> bool:
    """Deletes a thread upstream, with its runs and messages. What RunsDash has of it stays. False when it is there."""
    meter = meter_of(thread)
    call = AuditedCall(
        actor=actor, operation=Client.delete_thread, connection=thread.connection, token=token, reason=reason,
        thread_id=thread.upstream_id, parameters={"thread_id": thread.upstream_id},
        before={"runs": meter.runs, "archived_runs": meter.archived_runs, "messages": meter.messages},
    )  # fmt: skip

    def store(answer: objects.Deleted, at: datetime) -> tuple[bool, Columns]:
        if answer.deleted:
            mark_gone(thread)
        return answer.deleted, {"after": {"is_deleted": answer.deleted}, **({} if answer.deleted else UNCHANGED)}

    try:
        return carry_out(call, store=store)
    except NotFound:
        mark_gone(thread)
        raise


def mark_gone(thread: Thread) -> None:
    """Marks a thread that the upstream has no more: nobody asks for it, and its pages say so."""
    Thread.objects.filter(pk=thread.pk).update(is_gone=True, due_at=None)


def purge_thread(*, actor: User, thread: Thread, reason: str = "") -> bool:
    """Forgets a thread here; upstream nothing changes. False when a job has to finish it."""
    connection, thread_id = thread.connection, thread.upstream_id
    counts = {"runs": thread.run_count}

    def act() -> tuple[Job, JsonObject]:
        shut_out(thread)
        job = add_job(
            "purge_thread", connection=connection, created_by=actor.get_username(),
            parameters={"thread_id": thread_id}, total=thread.run_count,
        )  # fmt: skip
        return job, {"job": job.pk, **counts}

    job = change(
        actor=actor, action="purge_thread", right="can_manage", connection_slug=connection.slug, act=act,
        before=counts, thread_id=thread_id, reason=reason,
    )  # fmt: skip
    is_over = purge_some(thread, within_s=PURGE_S)
    if is_over:
        empty_log()
        rows = Job.objects.filter(pk=job.pk, state=Job.State.WAITING)
        rows.update(state=Job.State.DONE, ended_at=timezone.now())
    return is_over
