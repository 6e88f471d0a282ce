"""Works on batches: claims items by lease, writes like any other action does, and keeps each result.

A process that dies leaves items `doing`. When their lease lapses they are taken again: the one-time token then tells
what the first try became, and nothing is sent twice.
"""

import logging
from datetime import datetime, timedelta
from threading import Event

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.utils import timezone

from runsdash.accounts.models import User
from runsdash.accounts.teams import hidden_from
from runsdash.actions.audited_call import CHANGED_NOTHING
from runsdash.actions.cancel_run import cancel_run
from runsdash.actions.modify_run import modify_run
from runsdash.actions.settle.settle_unclear import settle_run
from runsdash.audit.models import AuditEntry
from runsdash.audit.trail import AuditedAction, TokenUsed, action_of, refuse_used
from runsdash.index import run_states
from runsdash.index.bad_rows import skip_if_bad
from runsdash.index.models import Run
from runsdash.index.storage.leases import claim
from runsdash.index.storage.unwritable import TROUBLE
from runsdash.json_logs import logged_as
from runsdash.service import NoAnswer, ServiceError
from runsdash.sync.budget.shared_pauses import note_worker_failure
from runsdash.sync.refresh import refresh_run

from .exports import export
from .jobs import actor_of, end_if_over
from .models import CALLS, BatchItem, BatchJob

LEASE_MARGIN_S = 10.0  # of one write: held this much longer than its time-out
IN_TURN = 20  # items of a job before the next job has its turn
FOLLOWED_FOR = timedelta(days=1)
State = BatchItem.State
Result = AuditEntry.Result
STATE_OF = {
    Result.DONE: State.DONE,
    Result.SETTLED_DONE: State.DONE,
    Result.UNCLEAR: State.UNCLEAR,
    Result.SETTLED_OPEN: State.UNCLEAR,
}
log = logging.getLogger(__name__)


def work_on_batches(stop: Event) -> None:
    """Acts on runs until nothing is left to do."""
    while work_some(stop) and not stop.is_set():
        pass


def work_some(stop: Event | None = None) -> int:
    """Goes once over the open batches; returns how many items were done."""
    done = 0
    for job in BatchJob.objects.filter(ended_at__isnull=True).order_by("id"):
        with skip_if_bad("batch", job.pk), logged_as(batch=job.pk):
            done += export(job) if job.operation == BatchJob.Operation.EXPORT else do_some(job, stop)
    return done


def do_some(job: BatchJob, stop: Event | None) -> int:
    """A job's turn; how many of its items were done."""
    done = 0
    for _ in range(IN_TURN):
        item = None if stop is not None and stop.is_set() else claim_item(job)
        if item is None:
            break
        do(job, item)
        done += 1
    end_if_over(job)
    return done


def claim_item(job: BatchJob) -> BatchItem | None:
    """Takes an item for as long as its write can take: a waiting one, or one that a dead process left behind."""
    now = timezone.now()
    left = Q(state=State.DOING)
    if not job.is_stopped:
        left |= Q(
            is_past("run__connection__rests_until", now),
            is_past("run__connection__writes_paused_until", now),
            state=State.WAITING,
        )
    rows = job.items.filter(left).select_related("run__thread", "run__connection").order_by("id")
    return claim(rows, hold=write_lease, state=State.DOING)


def is_past(column: str, now: datetime) -> Q:
    return Q((f"{column}__isnull", True)) | Q((f"{column}__lte", now))


def write_lease(item: BatchItem) -> timedelta:
    return timedelta(seconds=item.run.connection.timeout_s + LEASE_MARGIN_S)


def do(job: BatchJob, item: BatchItem) -> None:
    """Acts on one run, or finds out what an earlier try became."""
    actor, began = actor_of(job), timezone.now()
    if actor is None:
        return keep(item, State.REFUSED, f"The user {job.created_by} is gone.")
    try:
        refuse_used(item.token)
        if item.run.connection_id in hidden_from(actor):
            return keep(item, State.REFUSED, f"{job.created_by} does not see the run's connection any more.")
        keep(item, *act(job, item, actor))
    except TokenUsed as used:
        keep(item, *earlier_result(item, used))
    except PermissionDenied as error:
        keep(item, State.REFUSED, str(error))
    except ServiceError as error:
        if isinstance(error, NoAnswer):  # one that is not there shall not use up the items
            note_worker_failure(item.run.connection, sent_at=began)
        keep(item, State.UNCLEAR if error.outcome_unclear else State.REFUSED, str(error))
    except TROUBLE:  # the database, not the item: it is taken again when its lease lapses
        raise
    except Exception as error:
        log.exception("the batch item %s, run %r, failed", item.pk, item.run.upstream_id)
        was_begun = AuditEntry.objects.filter(token=item.token).exists()
        keep(item, State.UNCLEAR if was_begun else State.REFUSED, f"{type(error).__name__}: {error}")
    return None


def act(job: BatchJob, item: BatchItem, actor: User) -> tuple[str, str]:
    """Acts on one run; returns what came of it: state and message."""
    run = item.run
    if job.operation == BatchJob.Operation.CANCEL:
        if not run.facts.is_active or run.status == run_states.CANCELLING:
            return State.SKIPPED, "It had ended before."
        if lack := not_offered(job, run):
            return State.REFUSED, lack
        row = cancel_run(actor=actor, run=run, token=item.token, reason=job.reason)
        if row.status not in run_states.CANCEL_TAKEN:
            return State.REFUSED, f"{CHANGED_NOTHING}: the run is {row.status}."
        return State.DONE, f"The run is {row.status}."
    metadata = run.metadata | {job.parameters["key"]: job.parameters["value"]}
    if metadata == run.metadata:
        return State.DONE, "It had this tag already."
    if lack := not_offered(job, run):
        return State.REFUSED, lack
    row = modify_run(actor=actor, run=run, metadata=metadata, token=item.token, reason=job.reason)
    if row.metadata.get(job.parameters["key"]) != job.parameters["value"]:
        return State.REFUSED, f"{CHANGED_NOTHING}."
    return State.DONE, "Tagged."


def not_offered(job: BatchJob, run: Run) -> str:
    """Says in which words the server refused this lately as not offered; "" where it may be asked."""
    lack = run.connection.lack_of(CALLS[job.operation])
    return (
        f"Not sent: this server does not offer it. It said: {lack['status']} {lack['message']}".strip() if lack else ""
    )


def earlier_result(item: BatchItem, used: TokenUsed) -> tuple[str, str]:
    """Finds out by reading what became of a write that was sent before: state and message."""
    run = item.run
    try:
        run = refresh_run(run.connection, thread_id=run.thread.upstream_id, run_id=run.upstream_id, max_age_s=0)
        settle_run(run)
    except ServiceError as error:
        return State.UNCLEAR, str(error)
    return outcome_of(action_of(used.intent))


def outcome_of(audited: AuditedAction) -> tuple[str, str]:
    """Returns the state of an item whose write was recorded, and a message."""
    said = audited.last.upstream_message if audited.last else ""
    return STATE_OF.get(Result(audited.result), State.REFUSED), said or audited.result_label


def follow_settled() -> int:
    """Gives unclear items what was found by reading since; returns how many. A chore of the worker."""
    count = 0
    for job in BatchJob.objects.filter(created_at__gte=timezone.now() - FOLLOWED_FOR):
        for item in BatchItem.objects.filter(job=job, state=State.UNCLEAR).select_related("job"):
            with skip_if_bad("batch item", item.pk):
                count += follow(item)
    return count


def follow(item: BatchItem) -> bool:
    """Takes over what was found by reading, if it was."""
    intent = AuditEntry.objects.filter(token=item.token).first()
    audited = action_of(intent) if intent else None
    if audited is None or audited.is_open or audited.result == Result.SETTLED_OPEN:
        return False
    keep(item, *outcome_of(audited))
    return True


def keep(item: BatchItem, state: str, message: str) -> None:
    BatchItem.objects.filter(pk=item.pk).update(
        state=state, message=message[:1000], lease_until=None, ended_at=timezone.now()
    )
