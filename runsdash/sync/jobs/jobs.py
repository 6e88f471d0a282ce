"""Work that outlives a request: any worker claims a row, goes on where the last one stopped, and finishes it.

Rooms fill the registry. A kind is a generator: it does one piece, sets `job.place` and `job.progress`, and yields;
the row is saved then. A piece may be done twice (a worker dies after it and before the save), so it must be idempotent.
"""

import logging
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Thread

from django.db import close_old_connections, connections
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from runsdash.index.models import Connection, Job
from runsdash.sync.wake import wake

LEASE = timedelta(seconds=10)  # after a worker was killed another takes over this soon
RENEW_EVERY_S = 3.0
LOOK_EVERY_S = 0.5
ATTEMPTS = 5  # without any progress
LOOKED_AT = 50
OPEN = (Job.State.WAITING, Job.State.RUNNING)
Work = Callable[[Job], Iterator[None]]
log = logging.getLogger(__name__)


class JobFailed(Exception):
    """There is no point in trying again; its text tells people why."""


@dataclass(frozen=True)
class Kind:
    """`is_alone`: never two of this kind at a time. Bulk writers get in each other's way."""

    work: Work
    is_alone: bool


KINDS: dict[str, Kind] = {}
_held: dict[int, str] = {}  # jobs this process works on, and their lease tokens


def works(kind: str, *, is_alone: bool = False) -> Callable[[Work], Work]:
    """Registers the generator that does jobs of `kind`. Its module must be imported where workers start."""

    def registered(work: Work) -> Work:
        KINDS[kind] = Kind(work, is_alone)
        return work

    return registered


def add_job(
    kind: str,
    *,
    connection: Connection | None = None,
    created_by: str = "",
    parameters: dict | None = None,
    file_name: str = "",
    total: int | None = None,
) -> Job:
    """A row for work to be done soon. `total` is in the unit of the kind's progress, None when not known."""
    job = Job.objects.create(
        kind=kind,
        connection=connection,
        created_by=created_by,
        parameters=parameters or {},
        file_name=file_name,
        progress={"done": 0, "total": total, "note": ""},
    )
    wake()
    return job


def cancel_job(job: Job) -> bool:
    """Stops a job before its next piece. What is done stays. False when it was over already."""
    rows = Job.objects.filter(pk=job.pk, state__in=OPEN)
    return bool(rows.update(state=Job.State.CANCELLED, ended_at=timezone.now(), lease_until=None, lease_token=""))


# Workers


def claim_job(kinds: dict[str, Kind] = KINDS) -> Job | None:
    """The oldest job that nobody works on, now this worker's."""
    now = timezone.now()
    rows = Job.objects.filter(is_free(now), state__in=OPEN, kind__in=kinds).order_by("id")
    for job in rows.select_related("connection")[:LOOKED_AT]:
        if job.attempts >= ATTEMPTS:
            end(job, Job.State.FAILED, error=job.error or f"It was begun {ATTEMPTS} times and never got on.")
        elif not (kinds[job.kind].is_alone and has_rival(job, now=now)) and took(job, now=now):
            return job
    return None


def is_free(now: datetime) -> Q:
    return Q(lease_until__isnull=True) | Q(lease_until__lt=now)


def has_rival(job: Job, *, now: datetime) -> bool:
    rivals = Job.objects.filter(kind=job.kind, state=Job.State.RUNNING, lease_until__gte=now)
    return rivals.exclude(pk=job.pk).exists()


def took(job: Job, *, now: datetime) -> bool:
    token = secrets.token_hex(8)
    rows = Job.objects.filter(is_free(now), pk=job.pk, state__in=OPEN)
    if not rows.update(
        state=Job.State.RUNNING,
        lease_token=token,
        lease_until=now + LEASE,
        attempts=F("attempts") + 1,
        started_at=Coalesce("started_at", now),
    ):
        return False
    job.refresh_from_db()
    _held[job.pk] = token
    return True


def work_on(job: Job, *, stop: Event) -> None:
    """Piece after piece until it is done, stopped, cancelled, or somebody else's."""
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
        # Its lease keeps it from being taken again at once.
        later = timezone.now() + timedelta(seconds=2.0**job.attempts)
        end(job, Job.State.WAITING, error=f"{type(error).__name__}: {error}"[:1000], lease_until=later)
    else:
        save_progress(job)
        end(job, Job.State.DONE)
    finally:
        pieces.close()
        _held.pop(job.pk, None)


def save_progress(job: Job) -> bool:
    """False when the lease is lost or the job was cancelled."""
    rows = Job.objects.filter(pk=job.pk, lease_token=_held[job.pk], state=Job.State.RUNNING)
    return bool(
        rows.update(place=job.place, progress=job.progress, attempts=0, error="", lease_until=timezone.now() + LEASE)
    )


def end(job: Job, state: str, *, error: str = "", lease_until: datetime | None = None) -> None:
    ended_at = None if state in OPEN else timezone.now()
    Job.objects.filter(pk=job.pk, lease_token=_held.get(job.pk, job.lease_token), state__in=OPEN).update(
        state=state, error=error, ended_at=ended_at, lease_until=lease_until, lease_token=""
    )
    log.info("job %s is %s %s", job, state, error)


def renew() -> None:
    """Keeps what this process works on; called by its main loop, so that a long piece loses nothing."""
    for pk, token in list(_held.items()):
        Job.objects.filter(pk=pk, lease_token=token).update(lease_until=timezone.now() + LEASE)


def work_on_all(*, stop: Event) -> int:
    """Every job that can be claimed now; how many."""
    count = 0
    while not stop.is_set() and (job := claim_job()) is not None:
        work_on(job, stop=stop)
        count += 1
    return count


def start_working(bell: Event, *, stop: Event) -> Thread:
    """A thread that works on jobs until `stop`, beside the main loop, which reads what is due."""
    thread = Thread(target=_work, args=(bell, stop), name="runsdash-jobs", daemon=True)
    thread.start()
    return thread


def _work(bell: Event, stop: Event) -> None:
    while not stop.is_set():
        bell.clear()
        close_old_connections()
        try:
            work_on_all(stop=stop)
        except Exception:
            log.exception("no job could be claimed")
        if not stop.is_set():
            bell.wait(LOOK_EVERY_S)
    connections.close_all()
