"""Writes the file of an export, and deletes it: after a while, and when a run in it is purged."""

import os
from datetime import timedelta
from pathlib import Path
from time import monotonic

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from runsdash.accounts.teams import hidden_from
from runsdash.actions.audited_change import refusal_of
from runsdash.index.exporting.chosen import named_runs
from runsdash.index.exporting.objects import lines
from runsdash.index.keeping.purge import PURGE_HOOKS
from runsdash.index.models import Connection
from runsdash.index.storage.leases import claim
from runsdash.row_access import hiding

from .jobs import actor_of, end_if_over
from .models import BatchItem, BatchJob

LEASE = timedelta(seconds=60)  # an export gives signs of life
SIGN_EVERY_S = 5.0  # its lines may be files
State = BatchItem.State


def export_folder() -> Path:
    folder = Path(settings.FILES_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def path_of(job: BatchJob) -> Path:
    """Returns where the file of a job is, or would be. Once they stood in a folder beside the database."""
    before = Path(settings.STATE_DIR) / "exports" / name_of(job)
    return before if before.is_file() else export_folder() / name_of(job)


def export(job: BatchJob) -> int:
    """Writes the job's runs as `export_runs` does into a file, which appears once it is whole.

    Whoever holds the first item writes it. A process that dies meanwhile loses it with its lease.
    """
    first = job.items.order_by("id").values_list("pk", flat=True).first()
    rows = job.items.filter(pk=first or 0, state__in=(State.WAITING, State.DOING))
    if claim(rows, hold=lambda _: LEASE, state=State.DOING) is None:
        end_if_over(job)
        return 0
    actor = actor_of(job)
    refusal = refusal_of(actor, right="can_act") if actor else f"The user {job.created_by} is gone."
    if refusal:
        return ended(job, State.REFUSED, refusal)
    unfinished, count = export_folder() / f"{name_of(job)}.{os.getpid()}.part", job.items.count()
    with hiding(hidden_from(actor)):
        write_lines(job, unfinished, signs=rows)
    unfinished.replace(export_folder() / name_of(job))
    delete_unfinished(job)
    BatchJob.objects.filter(pk=job.pk).update(file_name=name_of(job))
    if job.items.count() < count:  # a run was purged meanwhile, and its hook found no file
        delete_files(BatchJob.objects.filter(pk=job.pk))
        rows.update(lease_until=None)
        return 0
    return ended(job, State.DONE, "exported")


def write_lines(job: BatchJob, path: Path, *, signs: QuerySet[BatchItem]) -> None:
    keys = job.items.order_by("id").values_list("run__thread_id", "run_id").iterator(chunk_size=1000)
    with named_runs(keys) as chosen, path.open("wb") as file:
        signed_at = monotonic()
        for line in lines(chosen):
            file.write(line)
            if monotonic() - signed_at > SIGN_EVERY_S:
                signed_at = monotonic()
                signs.update(lease_until=timezone.now() + LEASE)


def ended(job: BatchJob, state: str, message: str) -> int:
    now = timezone.now()
    done = job.items.update(state=state, message=message, ended_at=now, lease_until=None)
    BatchJob.objects.filter(pk=job.pk).update(ended_at=now)
    return done


def name_of(job: BatchJob) -> str:
    return f"runs-{job.pk}.jsonl"


def delete_unfinished(job: BatchJob) -> None:
    """Deletes what processes that died have written."""
    for left in export_folder().glob(f"{name_of(job)}.*.part"):
        left.unlink(missing_ok=True)


def delete_files(jobs: QuerySet[BatchJob]) -> None:
    """Takes files away. The row is written first: who is finishing a file of it then waits for this transaction."""
    for job in jobs.filter(operation=BatchJob.Operation.EXPORT):
        BatchJob.objects.filter(pk=job.pk).update(file_name="")
        path_of(job).unlink(missing_ok=True)
        delete_unfinished(job)


def delete_old_exports() -> None:
    """Deletes the files of exports that ended RUNSDASH_EXPORT_DAYS ago. A chore of the worker."""
    if settings.RUNSDASH_EXPORT_DAYS > 0:
        oldest = timezone.now() - timedelta(days=settings.RUNSDASH_EXPORT_DAYS)
        delete_files(BatchJob.objects.filter(ended_at__lt=oldest).exclude(file_name=""))


def purge_exports(*, connection: Connection, run_id: str, run_key: int) -> None:
    """Deletes every file that a purged run is in; the other runs can be exported again. A batch without others goes."""
    jobs = BatchJob.objects.filter(pk__in=BatchItem.objects.filter(run=run_key).values("job"))
    if not jobs:
        return
    delete_files(jobs)
    others = BatchItem.objects.filter(job=OuterRef("pk")).exclude(run=run_key)
    jobs.exclude(Exists(others)).exclude(ended_at=None).delete()


PURGE_HOOKS.append(purge_exports)
