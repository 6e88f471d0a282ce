"""Works on jobs: any worker claims a row, goes on where the last one stopped, and finishes it.

Rooms register kinds. A kind is a generator: it does one piece, sets `job.place` and `job.progress`, and yields;
the row is saved then. A piece may be done twice (a worker dies after it and before the save), so it must be idempotent.
"""

import logging
import secrets
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event
from typing import Any

from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Coalesce
from django.utils import timezone

from runsdash.index.models import Connection, Job
from runsdash.index.storage.column_types import Columns
from runsdash.index.storage.leases import claim
from runsdash.index.storage.unwritable import why_unwritable
from runsdash.json_logs import logged_as

from .job_files import OPEN, delete_file

LEASE = timedelta(seconds=10)  # after a worker was killed another takes over this soon
RENEW_EVERY_S = 3.0
ATTEMPTS = 5  # without any progress
UNWRITABLE_WAIT = timedelta(seconds=15)  # until a full disk may have room again
Work = Callable[[Job], Generator[None, None, None]]
log = logging.getLogger(__name__)


class JobFailed(Exception):
    """Says that there is no point in trying again; its text tells people why."""


@dataclass(frozen=True)
class JobKind:
    """Names the generator of a kind. `is_alone`: one of them at a time, since two importers get in each other's way."""

    work: Work
    is_alone: bool


KINDS: dict[str, JobKind] = {}
_held: dict[int, str] = {}  # jobs this process works on, and their lease tokens


def works(kind: str, *, is_alone: bool = False) -> Callable[[Work], Work]:
    """Registers the generator that does jobs of `kind`. Its module must be imported where workers start."""

    def registered(work: Work) -> Work:
        KINDS[kind] = JobKind(work, is_alone)
        return work

    return registered


def add_job(
    kind: str,
    *,
    connection: Connection | None = None,
    created_by: str = "",
    parameters: dict[str, Any] | None = None,
    file_name: str = "",
    total: int | None = None,
) -> Job:
    """Adds a row for work to be done soon. `total` is in the unit of the kind's progress, None when not known."""
    job = Job.objects.create(
        kind=kind,
        connection=connection,
        created_by=created_by,
        parameters=parameters or {},
        file_name=file_name,
        progress={"done": 0, "total": total, "note": ""},
    )
    log.info("job %s is added", job, extra={"job": job.pk})
    return job


def cancel_job(job: Job) -> bool:
    """Stops a job before its next piece. What is done stays. False when it was over already."""
    rows = Job.objects.filter(pk=job.pk, state__in=OPEN)
    if not rows.update(state=Job.State.CANCELLED, ended_at=timezone.now(), lease_until=None, lease_token=""):
        return False
    delete_file(job.file_name)
    return True


# Workers


def claim_job(kinds: dict[str, JobKind] = KINDS) -> Job | None:
    """Takes the oldest job that nobody works on; None when there is none."""
    rows = Job.objects.filter(state__in=OPEN, kind__in=kinds).select_related("connection").order_by("id")
    # By the order of ids, not by who is at work: what another worker is claiming just now cannot be seen yet.
    earlier = Job.objects.filter(state__in=OPEN, kind=OuterRef("kind"), pk__lt=OuterRef("pk"))
    rows = rows.exclude(Exists(earlier), kind__in=[name for name, kind in kinds.items() if kind.is_alone])
    token = secrets.token_hex(8)
    columns: Columns = {"state": Job.State.RUNNING, "lease_token": token, "attempts": F("attempts") + 1}
    columns["started_at"] = Coalesce("started_at", timezone.now())
    while (job := claim(rows, hold=lambda _: LEASE, **columns)) is not None:
        if job.attempts <= ATTEMPTS:
            _held[job.pk] = token
            return job
        end(job, Job.State.FAILED, error=job.error or f"It was begun {ATTEMPTS} times and never got on.")
    return None


def work_on(job: Job, *, stop: Event) -> None:
    """Does piece after piece until the job is done, stopped, cancelled, or somebody else's."""
    with logged_as(job=job.pk):
        do_pieces(job, stop=stop)


def do_pieces(job: Job, *, stop: Event) -> None:
    log.info("job %s begins at %s", job, job.place or "its start")
    pieces = KINDS[job.kind].work(job)
    try:
        for _ in pieces:
            if not save_progress(job):
                log.info("job %s is no longer this worker's", job)
                return
            if stop.is_set():
                end(job, Job.State.WAITING)
                return
    except JobFailed as failure:
        end(job, Job.State.FAILED, error=str(failure))
    except Exception as error:
        log.exception("job %s failed", job)
        is_fault_of_job = not why_unwritable(error)
        wait = timedelta(seconds=2.0**job.attempts) if is_fault_of_job else UNWRITABLE_WAIT
        told = f"{type(error).__name__}: {error}"[:1000]
        # Its lease keeps it from being taken again at once.
        end(job, Job.State.WAITING, error=told, lease_until=timezone.now() + wait, counts=is_fault_of_job)
    else:
        save_progress(job)
        end(job, Job.State.DONE)
    finally:
        pieces.close()
        _held.pop(job.pk, None)


def save_progress(job: Job) -> bool:
    """Saves how far the job is; False when its lease is lost or it was cancelled."""
    rows = Job.objects.filter(pk=job.pk, lease_token=_held[job.pk], state=Job.State.RUNNING)
    return bool(
        rows.update(place=job.place, progress=job.progress, attempts=0, error="", lease_until=timezone.now() + LEASE)
    )


def end(job: Job, state: str, *, error: str = "", lease_until: datetime | None = None, counts: bool = True) -> None:
    """Gives the job up, to be taken again or for good. `counts`: whether this try is one of ATTEMPTS."""
    ended_at = None if state in OPEN else timezone.now()
    rows = Job.objects.filter(pk=job.pk, lease_token=_held.get(job.pk, job.lease_token), state__in=OPEN)
    more = {} if counts else {"attempts": 0}
    is_mine = rows.update(state=state, error=error, ended_at=ended_at, lease_until=lease_until, lease_token="", **more)
    if is_mine and ended_at:
        delete_file(job.file_name)
    log.info("job %s is %s %s", job, state, error)


def renew() -> None:
    """Renews the leases of this process; called by its main loop, so that a long piece loses nothing."""
    for pk, token in list(_held.items()):
        Job.objects.filter(pk=pk, lease_token=token).update(lease_until=timezone.now() + LEASE)


def work_on_all(*, stop: Event) -> int:
    """Works on every job that can be claimed now; returns how many."""
    count = 0
    while not stop.is_set() and (job := claim_job()) is not None:
        work_on(job, stop=stop)
        count += 1
    return count
