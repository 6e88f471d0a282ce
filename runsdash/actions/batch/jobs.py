"""Makes, stops and ends batches. What matches is decided once, at the moment the job is made."""

import logging

from django.db import transaction
from django.utils import timezone

from runsdash.accounts.models import User
from runsdash.actions.audited_change import change
from runsdash.index.models import Connection, Run
from runsdash.index.search import TimeBudget, ids_of
from runsdash.index.search.run_filter import RunFilter
from runsdash.service.json_types import JsonFields, JsonLike

from .models import BatchItem, BatchJob

MAX_RUNS = 10_000
MATCHING = TimeBudget(walk_s=5.0, statement_s=10.0)
CHUNK = 1000
log = logging.getLogger(__name__)


class TooMany(ValueError):
    """Says that more runs match than one batch takes, or that the search was stopped before it had seen all."""


def matching_ids(run_filter: RunFilter, *, connection: Connection | None = None) -> list[int]:
    """Returns the keys of the runs that match now, newest first. Raises TooMany."""
    found, is_all = ids_of(run_filter, connection=connection, count=MAX_RUNS + 1, budget=MATCHING)
    if len(found) > MAX_RUNS:
        raise TooMany(f"More than {MAX_RUNS:,} runs match. Narrow the filter.")
    if not is_all:
        raise TooMany("Looking for all that match takes too long. Narrow the filter, for example its time range.")
    return found


def make_job(
    *,
    actor: User,
    operation: str,
    run_ids: list[int],
    token: str,
    query: str = "",
    reason: str = "",
    parameters: dict[str, str] | None = None,
) -> BatchJob:
    """Makes a job with an item for each run and records it. A second post of its form gives the first job."""
    first = BatchJob.objects.filter(token=token).first()
    if first is not None:
        return first
    known = list(Run.objects.filter(pk__in=run_ids[:MAX_RUNS]).values_list("pk", flat=True).order_by("-pk"))

    def act() -> tuple[BatchJob, JsonLike]:
        with transaction.atomic():
            job = BatchJob.objects.create(
                operation=operation,
                parameters=parameters or {},
                query=query,
                reason=reason[:2000],
                actor=actor,
                created_by=actor.get_username(),
                token=token,
                total=len(known),
            )
            items = [BatchItem(job=job, run_id=pk) for pk in known]
            BatchItem.objects.bulk_create(items, batch_size=CHUNK)
        log.info("batch %s is added: %s of %s runs", job.pk, operation, len(known), extra={"batch": job.pk})
        return job, {"job": job.pk, "runs": len(known)}

    sent: JsonFields = {"operation": operation, "query": query, "parameters": parameters or {}}
    return change(actor=actor, action=f"bulk_{operation}", right="can_act", connection_slug="", act=act, sent=sent)


def actor_of(job: BatchJob) -> User | None:
    """Returns the account a job acts for, as it is now; None when it is gone."""
    return None if job.actor_id is None else User.objects.filter(pk=job.actor_id).first()


def stop_job(*, actor: User, job: BatchJob) -> None:
    """Lets the job begin no further items; what is under way ends."""

    def act() -> tuple[None, JsonLike]:
        BatchJob.objects.filter(pk=job.pk).update(is_stopped=True)
        return None, {"job": job.pk}

    change(actor=actor, action="bulk_stopped", right="can_act", connection_slug="", act=act)


def end_if_over(job: BatchJob) -> bool:
    """Marks the job as ended when nothing is left to do; says whether it is."""
    left = [BatchItem.State.WAITING, BatchItem.State.DOING]
    if job.is_stopped:
        left = [BatchItem.State.DOING]
    if BatchItem.objects.filter(job=job, state__in=left).exists():
        return False
    BatchJob.objects.filter(pk=job.pk, ended_at__isnull=True).update(ended_at=timezone.now())
    return True
