"""Settles unclear outcomes by reading, never by sending again.

An intent is open when nothing came after it although its time is over (the process died), or when its last outcome
is `unclear` (the connection broke after sending). The index must hold a snapshot newer than that moment.
`settle_verdicts` says what such a snapshot means; this module decides when to ask for one, and keeps the verdict once.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from time import monotonic

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from runsdash.accounts.models import User
from runsdash.actions.lineage import keep_lineage
from runsdash.actions.outputs.answers import outputs_were_sent
from runsdash.actions.outputs.drafts import names_of
from runsdash.audit.models import AuditEntry
from runsdash.audit.trail import AuditedAction, action_of, actions_of_run, actions_of_thread, record_outcome
from runsdash.index.bad_rows import skip_if_bad
from runsdash.index.keeping.purge import Purged
from runsdash.index.models import Connection, Run, Thread
from runsdash.service import ServiceError
from runsdash.service.json_types import JsonLike
from runsdash.sync.refresh import refresh_run, refresh_thread

from .settle_verdicts import OF_RUN, OF_THREAD, Verdict, no

Result = AuditEntry.Result
ORPHAN_MARGIN = timedelta(seconds=5)  # after the time-out an intent without outcome was left behind
# Who gave up waiting may have been too quick: the upstream has this long after the time-out to do it yet.
LATE_FOR = timedelta(seconds=10)
WAITED_OUT = 0.9  # of the time-out: the request was not cut, it timed out

SETTLED_FOR = timedelta(days=1)
SETTLED_AT_ONCE = 50
SETTLE_AGE_S = 5.0
ROUND_S = 2.0  # an upstream that is not there must not hold up the other chores
UPSTREAM = {*OF_RUN, *OF_THREAD, "create_thread", "create_thread_and_run", "create_message"}
INSIDE_FOR = timedelta(minutes=2)  # the longest that a change inside RunsDash is under way


def is_settleable(audited: AuditedAction, *, timeout_s: float, fetched_at: datetime | None) -> bool:
    """Tells whether it is open, its time over, and the copy newer than the moment it became unclear."""
    if not audited.is_open or fetched_at is None:
        return False
    moment = unclear_at(audited, timeout_s=timeout_s)
    return fetched_at > moment and timezone.now() > moment


def unclear_at(audited: AuditedAction, *, timeout_s: float) -> datetime:
    return audited.last.at if audited.last else audited.intent.at + timedelta(seconds=timeout_s) + ORPHAN_MARGIN


def may_yet_happen(audited: AuditedAction, *, timeout_s: float, fetched_at: datetime) -> bool:
    """Tells whether the copy is from when a slow upstream could still carry it out: "not done" would say too much."""
    waited_s = (audited.last.at - audited.intent.at).total_seconds() if audited.last else timeout_s
    return (
        waited_s >= WAITED_OUT * timeout_s and fetched_at <= audited.intent.at + timedelta(seconds=timeout_s) + LATE_FOR
    )


# Who looks at a run or a thread


def settle_run(run: Run) -> list[AuditedAction]:
    """Settles what is open on a run, given its freshest copy. Returns the run's actions, newest first."""
    found = actions_here(actions_of_run(run.upstream_id), run.connection)
    for audited in found:
        verdict_of = OF_RUN.get(audited.intent.action)
        fetched_at = run.fetched_at
        if (
            verdict_of
            and fetched_at
            and is_settleable(audited, timeout_s=run.connection.timeout_s, fetched_at=fetched_at)
        ):
            settle(audited, verdict_of(audited, run), run, fetched_at=fetched_at, after={"status": run.status})
    return found


def settle_thread(thread: Thread) -> list[AuditedAction]:
    """Settles creations of runs on a thread, given its freshest list of runs, and its deletion.

    A thread's object may be fresh while its list of runs is old: threads are listed without it, and it is stored later.
    """
    found = actions_here(actions_of_thread(thread.upstream_id), thread.connection)
    for audited in found:
        verdict_of = OF_THREAD.get(audited.intent.action)
        fetched_at = known_at(thread, audited.intent.action)
        if (
            verdict_of
            and fetched_at
            and is_settleable(audited, timeout_s=thread.connection.timeout_s, fetched_at=fetched_at)
        ):
            settle(audited, verdict_of(audited, thread), thread, fetched_at=fetched_at)
    return found


def known_at(thread: Thread, action: str) -> datetime | None:
    """Returns as of when the index knows what the verdict is about."""
    if action == "delete_thread":
        return thread.checked_at if thread.is_gone else thread.fetched_at
    if thread.trouble:
        return None  # its runs, or a part of them, could not be read
    return thread.fetched_at if thread.connection.lacks_runs else thread.runs_read_at


def actions_here(actions: list[AuditedAction], connection: Connection) -> list[AuditedAction]:
    """Leaves out actions of other connections, which may have the same ids."""
    return [audited for audited in actions if audited.intent.connection_slug in {"", connection.slug}]


def settle(
    audited: AuditedAction, verdict: Verdict | None, row: Run | Thread, *, fetched_at: datetime, **columns: JsonLike
) -> None:
    timeout_s = row.connection.timeout_s
    if verdict is not None and not (
        verdict.is_no and may_yet_happen(audited, timeout_s=timeout_s, fetched_at=fetched_at)
    ):
        keep(audited, verdict, **columns)


def keep(audited: AuditedAction, verdict: Verdict, **columns: JsonLike) -> None:
    """Records the verdict once, whoever else settles it at the same moment."""
    columns = {"upstream_message": verdict.sentence, **columns, **verdict.columns}
    try:
        with transaction.atomic():
            if verdict.run is not None:
                keep_lineage(verdict.run, audited.intent.before, made_by=audited.intent.actor)
            outcome = record_outcome(audited.intent, result=verdict.result, **columns)
    except IntegrityError:
        audited.outcomes = action_of(audited.intent).outcomes
    else:
        audited.outcomes.append(outcome)
        if verdict.result == Result.SETTLED_DONE and audited.intent.action == "submit_tool_outputs":
            were_sent_after_all(audited)


def were_sent_after_all(audited: AuditedAction) -> None:
    """Treats outputs that were found sent like those whose answer came: no drafts any more, offered again."""
    intent = audited.intent
    actor, run = User.objects.filter(username=intent.actor).first(), run_of(intent)
    if actor is not None and run is not None:
        answers = intent.sent_body.get("tool_outputs") or []
        outputs = {one["tool_call_id"]: one.get("output") or "" for one in answers}
        outputs_were_sent(actor=actor, run=run, outputs=outputs, names=names_of(run))


def run_of(intent: AuditEntry) -> Run | None:
    return Run.objects.filter(upstream_id=intent.run_id, connection__slug=intent.connection_slug).first()


# The worker's part


def settle_recent() -> int:
    """Settles what was left unclear lately; returns how many were open. What one round does not reach, another will."""
    settle_inside()
    slugs = {one.slug: one for one in Connection.objects.filter(is_enabled=True) if one.is_asked}
    left = open_intents().filter(action__in=[*OF_RUN, *OF_THREAD], connection_slug__in=slugs)
    intents, until = list(left.order_by("?")[:SETTLED_AT_ONCE]), monotonic() + ROUND_S
    for intent in intents:
        connection = slugs[intent.connection_slug]
        waited = timezone.now() - intent.at > timedelta(seconds=connection.timeout_s)
        is_over = waited or intent.has_outcome  # type: ignore[attr-defined]  # by open_intents
        if is_over and monotonic() < until:
            with skip_if_bad("intent", intent.pk):
                settle_intent(connection, intent)
    return len(intents)


def open_intents() -> QuerySet[AuditEntry]:
    """Finds intents of late without a clear outcome."""
    outcomes = AuditEntry.objects.filter(intent_id=OuterRef("pk"))
    return unclear_intents().filter(at__gte=timezone.now() - SETTLED_FOR).annotate(has_outcome=Exists(outcomes))


def unclear_intents() -> QuerySet[AuditEntry]:
    """Finds intents without a clear outcome."""
    clear = AuditEntry.objects.filter(intent_id=OuterRef("pk")).exclude(result=Result.UNCLEAR)
    return AuditEntry.objects.filter(kind=AuditEntry.Kind.INTENT).exclude(Exists(clear))


def settle_intent(connection: Connection, intent: AuditEntry) -> None:
    thread_id, run_id = intent.thread_id, intent.run_id
    with suppress(ServiceError, Purged):  # the upstream is not there: next time
        if run_id:
            settle_run(refresh_run(connection, thread_id=thread_id, run_id=run_id, max_age_s=SETTLE_AGE_S))
        elif thread_id:
            settle_thread(refresh_thread(connection, thread_id=thread_id, max_age_s=SETTLE_AGE_S))


def settle_inside() -> None:
    """Settles changes inside RunsDash: they are made together with their outcome, so without one there was none."""
    old = open_intents().filter(at__lt=timezone.now() - INSIDE_FOR).exclude(action__in=UPSTREAM)
    for intent in old[:SETTLED_AT_ONCE]:
        with skip_if_bad("intent", intent.pk):
            keep(AuditedAction(intent), no("RunsDash was stopped in the middle of it; nothing was changed."))
