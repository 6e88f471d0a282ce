"""Unclear outcomes are settled by reading, never by sending again.

An intent is open when nothing came after it although its time is over (the process died), or when its last outcome
is `unclear` (the connection broke after sending). The index must hold a snapshot newer than that moment.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from django.db.models import Exists, OuterRef
from django.utils import timezone

from runsdash.audit.models import AuditEntry
from runsdash.audit.trail import Deed, deeds_of_run, deeds_of_thread, record_outcome
from runsdash.index.models import Connection, Run, Thread
from runsdash.service import ServiceError
from runsdash.sync.refresh import refresh_run, refresh_thread

Result = AuditEntry.Result
CLOCK_SKEW = timedelta(seconds=5)  # an upstream's created_at has whole seconds and a clock of its own
ORPHAN_MARGIN = timedelta(seconds=5)  # after the time-out an intent without outcome was left behind

SETTLED_FOR = timedelta(days=1)
SETTLED_AT_ONCE = 50
SETTLE_AGE_S = 5.0

Verdict = tuple[str, str]  # result, sentence


def is_settleable(deed: Deed, *, timeout_s: float, fetched_at: object) -> bool:
    """Open, its time over, and the copy newer than the moment it became unclear."""
    if not deed.is_open or fetched_at is None:
        return False
    last = deed.last
    unclear_at = last.at if last else deed.intent.at + timedelta(seconds=timeout_s) + ORPHAN_MARGIN
    return fetched_at > unclear_at and timezone.now() > unclear_at


def settle_run(run: Run) -> list[Deed]:
    """Settles what is open on a run, given its freshest copy. Returns the deeds of the run, newest first."""
    found = deeds_of_run(run.upstream_id)
    for deed in found:
        verdict_of = VERDICTS.get(deed.intent.action)
        if verdict_of and is_settleable(deed, timeout_s=run.connection.timeout_s, fetched_at=run.fetched_at):
            result, sentence = verdict_of(deed, run)
            outcome = record_outcome(
                deed.intent, result=result, upstream_message=sentence, after={"status": run.status}
            )
            deed.outcomes.append(outcome)
    return found


def settle_recent() -> int:
    """The worker's part: looks after what was left unclear lately. How many deeds it found open."""
    since = timezone.now() - SETTLED_FOR
    clear = AuditEntry.objects.filter(intent_id=OuterRef("pk")).exclude(result=Result.UNCLEAR)
    left = AuditEntry.objects.filter(at__gte=since, kind=AuditEntry.Kind.INTENT).exclude(Exists(clear))
    intents = list(left.order_by("id")[:SETTLED_AT_ONCE])
    for intent in intents:
        connection = Connection.objects.filter(slug=intent.connection_slug, is_enabled=True).first()
        is_over = timezone.now() - intent.at > timedelta(seconds=connection.timeout_s) if connection else False
        if is_over:
            settle_intent(connection, intent)
    return len(intents)


def settle_intent(connection: Connection, intent: AuditEntry) -> None:
    ids = {"thread_id": intent.thread_id, "run_id": intent.run_id}
    with suppress(ServiceError):  # the upstream is not there: next time
        if intent.run_id:
            settle_run(refresh_run(connection, **ids, max_age_s=SETTLE_AGE_S))
        elif intent.thread_id:
            settle_thread(refresh_thread(connection, thread_id=intent.thread_id, max_age_s=SETTLE_AGE_S))


def cancel_verdict(deed: Deed, run: Run) -> Verdict:
    if run.status in {"cancelling", "cancelled"}:
        return Result.SETTLED_DONE, f"The run is {run.status}."
    if run.facts.is_terminal:
        return Result.SETTLED_NOT_DONE, f"The run ended as {run.status}."
    return Result.SETTLED_NOT_DONE, f"The run is still {run.status}."


def modify_verdict(deed: Deed, run: Run) -> Verdict:
    sent = ((deed.intent.sent or {}).get("body") or {}).get("metadata") or {}
    before = (deed.intent.before or {}).get("metadata") or {}
    if run.metadata == sent:
        return Result.SETTLED_DONE, "The run has the metadata that was sent."
    if run.metadata == before:
        return Result.SETTLED_NOT_DONE, "The run has the metadata it had before."
    return Result.SETTLED_OPEN, "The run has other metadata by now."


def submit_verdict(deed: Deed, run: Run) -> Verdict:
    body = (deed.intent.sent or {}).get("body") or {}
    answers = [*(body.get("tool_outputs") or []), *(body.get("tool_approvals") or [])]
    sent = {answer.get("tool_call_id") for answer in answers}
    if run.waits_for and sent & {call["id"] for call in run.pending_calls}:
        return Result.SETTLED_NOT_DONE, "The run still waits for these calls."
    if sent & answered_calls(run):
        return Result.SETTLED_DONE, "The outputs are in the run's steps."
    if run.status in {"expired", "cancelled", "cancelling"}:
        return Result.SETTLED_NOT_DONE, f"The run is {run.status} and its steps hold none of the outputs."
    return Result.SETTLED_DONE, "The run no longer waits for these calls."


def answered_calls(run: Run) -> set[str]:
    """Ids of tool calls that have an output in the index."""
    steps = run.steps.filter(kind="function").order_by("-position").values_list("calls", flat=True)[:50]
    return {call["id"] for calls in steps for call in calls if call.get("output_size") is not None}


VERDICTS: dict[str, Callable[[Deed, Run], Verdict]] = {
    "cancel_run": cancel_verdict,
    "modify_run": modify_verdict,
    "submit_tool_outputs": submit_verdict,
}


def settle_thread(thread: Thread) -> list[Deed]:
    """Settles creations of runs on a thread, given its freshest list of runs, and its deletion."""
    found = deeds_of_thread(thread.upstream_id)
    for deed in found:
        if deed.intent.action == "delete_thread":
            settle_deletion(deed, thread)
        if deed.intent.action != "create_run":
            continue
        if is_settleable(deed, timeout_s=thread.connection.timeout_s, fetched_at=thread.fetched_at):
            settle_creation(deed, thread)
    return found


def settle_deletion(deed: Deed, thread: Thread) -> None:
    """Done when the upstream no longer knows the thread, not done when it still answered with it."""
    timeout_s = thread.connection.timeout_s
    if thread.is_gone and is_settleable(deed, timeout_s=timeout_s, fetched_at=thread.checked_at):
        result, sentence = Result.SETTLED_DONE, "The upstream no longer knows the thread."
    elif not thread.is_gone and is_settleable(deed, timeout_s=timeout_s, fetched_at=thread.fetched_at):
        result, sentence = Result.SETTLED_NOT_DONE, "The thread is still there."
    else:
        return
    deed.outcomes.append(record_outcome(deed.intent, result=result, upstream_message=sentence))


def settle_creation(deed: Deed, thread: Thread) -> None:
    """The runs made since, with the same assistant, that nobody else here started. Several are shown, not chosen."""
    made = [run for run in runs_since(deed, thread) if not was_started_here(run)]
    if len(made) == 1:
        columns = {"run_id": made[0].upstream_id, "after": {"run_id": made[0].upstream_id, "status": made[0].status}}
        outcome = record_outcome(
            deed.intent, result=Result.SETTLED_DONE, upstream_message="The run is on the thread.", **columns
        )
    elif made:
        ids = [run.upstream_id for run in made[:20]]
        sentence = f"{len(made)} runs could be the one: {', '.join(ids)}."
        outcome = record_outcome(
            deed.intent, result=Result.SETTLED_OPEN, upstream_message=sentence, after={"run_ids": ids}
        )
    else:
        outcome = record_outcome(
            deed.intent, result=Result.SETTLED_NOT_DONE, upstream_message="No such run is on the thread."
        )
    deed.outcomes.append(outcome)


def runs_since(deed: Deed, thread: Thread) -> list[Run]:
    body = (deed.intent.sent or {}).get("body") or {}
    since = deed.intent.at - CLOCK_SKEW
    rows = Run.objects.filter(thread=thread, created_at__gte=since).select_related("body").order_by("-id")[:20]
    return [run for run in rows if run.assistant_id == body.get("assistant_id") and has_parameters(run, body)]


def has_parameters(run: Run, body: dict) -> bool:
    """Does the run carry what was sent? Only what a run repeats can be compared."""
    if "model" in body and run.model != body["model"]:
        return False
    return "metadata" not in body or run.metadata == body["metadata"]


def was_started_here(run: Run) -> bool:
    return AuditEntry.objects.filter(
        run_id=run.upstream_id, kind=AuditEntry.Kind.OUTCOME, action__in=["create_run", "create_thread_and_run"]
    ).exists()
