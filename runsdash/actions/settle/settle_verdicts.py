"""Decides by a fresh copy about a write whose answer never came. Reads the index; writes nothing and asks nobody.

No verdict is None: the copy does not tell. "Not done" is said only of what was looked at as a whole.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from runsdash.audit.models import AuditEntry
from runsdash.audit.redaction import redacted
from runsdash.audit.trail import AuditedAction
from runsdash.index import run_states
from runsdash.index.models import Run, Thread
from runsdash.index.storage.bodies import raw_object
from runsdash.service.json_types import JsonLike

Result = AuditEntry.Result
CLOCK_SKEW = timedelta(seconds=5)  # an upstream's created_at has whole seconds and a clock of its own
CANDIDATES = 20


@dataclass(frozen=True)
class Verdict:
    """Holds a settled result with its sentence. `run`: the one that a creation turned out to have made."""

    result: str
    sentence: str
    columns: dict[str, JsonLike] = field(default_factory=dict)
    run: Run | None = None

    @property
    def is_no(self) -> bool:
        return self.result == Result.SETTLED_NOT_DONE


def yes(sentence: str) -> Verdict:
    return Verdict(Result.SETTLED_DONE, sentence)


def no(sentence: str) -> Verdict:
    return Verdict(Result.SETTLED_NOT_DONE, sentence)


# Of a run


def cancel_verdict(audited: AuditedAction, run: Run) -> Verdict:
    if run.status in run_states.CANCEL_TAKEN:
        return yes(f"The run is {run.status}.")
    if run.facts.is_terminal:
        return no(f"The run ended as {run.status}.")
    return no(f"The run is still {run.status}.")


def modify_verdict(audited: AuditedAction, run: Run) -> Verdict:
    sent = audited.intent.sent_body.get("metadata") or {}
    before = (audited.intent.before or {}).get("metadata") or {}
    metadata = redacted(run.metadata)  # as the trail keeps what was sent
    if metadata == sent:
        return yes("The run has the metadata that was sent.")
    if metadata == before:
        return no("The run has the metadata it had before.")
    return Verdict(Result.SETTLED_OPEN, "The run has other metadata by now.")


def submit_verdict(audited: AuditedAction, run: Run) -> Verdict | None:
    body = audited.intent.sent_body
    answers = [*(body.get("tool_outputs") or []), *(body.get("tool_approvals") or [])]
    sent = {answer.get("tool_call_id") for answer in answers}
    if run.waits_for and sent & {call["id"] for call in run.pending_calls}:
        return no("The run still waits for these calls.")
    if sent & answered_calls(run):
        return yes("The outputs are in the run's steps.")
    if run.status in [run_states.EXPIRED, *run_states.CANCEL_TAKEN]:
        if run.connection.lacks_steps:
            return Verdict(
                Result.SETTLED_OPEN, f"The run is {run.status}, and this server lists no steps that would tell."
            )
        if not knows_steps(run):
            return None
        return no(f"The run is {run.status} and its steps hold none of the outputs.")
    return yes("The run no longer waits for these calls.")


def knows_steps(run: Run) -> bool:
    """Tells whether the steps are as fresh as the run itself: they are stored after it."""
    checked, fetched = run.steps_checked_at, run.fetched_at
    return run.has_all_steps or (checked is not None and fetched is not None and checked >= fetched)


def answered_calls(run: Run) -> set[str]:
    """Returns the ids of tool calls that have an output in the index."""
    steps = run.steps.exclude(kind="message").order_by("-position").values_list("calls", flat=True)[:50]
    return {call["id"] for calls in steps for call in calls if call.get("output_size") is not None}


OF_RUN: dict[str, Callable[[AuditedAction, Run], Verdict | None]] = {
    "cancel_run": cancel_verdict,
    "modify_run": modify_verdict,
    "submit_tool_outputs": submit_verdict,
}


# Of a thread


def deletion_verdict(audited: AuditedAction, thread: Thread) -> Verdict:
    """Says done when the upstream no longer knows the thread, not done when it still answered with it."""
    return yes("The upstream no longer knows the thread.") if thread.is_gone else no("The thread is still there.")


def creation_verdict(audited: AuditedAction, thread: Thread) -> Verdict | None:
    """Looks for runs made since, as asked for, that nobody else here started. Several are shown, not chosen."""
    body = audited.intent.sent_body
    made = alike([run for run in runs_since(audited, thread) if not was_started_here(run)], body)
    if not made and thread.connection.lacks_runs:
        return None
    if not made:
        return no("No such run is on the thread.")
    if len(made) > 1:
        ids = [run.upstream_id for run in made]
        sentence = f"{len(made)} runs could be the one: {', '.join(ids)}."
        return Verdict(Result.SETTLED_OPEN, sentence, {"after": {"run_ids": ids}})
    run = made[0]
    after = {"run_id": run.upstream_id, "status": run.status}
    return Verdict(Result.SETTLED_DONE, "The run is on the thread.", {"run_id": run.upstream_id, "after": after}, run)


def runs_since(audited: AuditedAction, thread: Thread) -> list[Run]:
    """Runs of the same assistant that were made since, and that nobody had seen before."""
    body, since = audited.intent.sent_body, audited.intent.at - CLOCK_SKEW
    rows = Run.objects.filter(thread=thread, created_at__gte=since).exclude(
        statuses_seen__seen_at__lt=audited.intent.at
    )
    rows = rows.select_related("body", "connection").order_by("-id")[:CANDIDATES]
    return [run for run in rows if run.assistant_id == body.get("assistant_id") and has_parameters(run, body)]


def has_parameters(run: Run, body: dict[str, Any]) -> bool:
    """Tells whether the run carries what was sent. Only what every server repeats as it came can rule a run out."""
    if "model" in body and run.model != body["model"]:
        return False
    return "metadata" not in body or redacted(run.metadata) == body["metadata"]


def alike(runs: list[Run], body: dict[str, Any]) -> list[Run]:
    """Keeps the runs that repeat most of what was sent: servers fill in and rewrite the rest of it."""
    if len(runs) < 2:
        return runs
    raws = [raw_object(run.body) if hasattr(run, "body") else {} for run in runs]
    shares = [sum(redacted(raw.get(name)) == value for name, value in body.items()) for raw in raws]
    return [run for run, share in zip(runs, shares, strict=True) if share == max(shares)]


def was_started_here(run: Run) -> bool:
    return AuditEntry.objects.filter(
        run_id=run.upstream_id,
        connection_slug=run.connection.slug,
        kind=AuditEntry.Kind.OUTCOME,
        action__in=["create_run", "create_thread_and_run"],
    ).exists()


OF_THREAD: dict[str, Callable[[AuditedAction, Thread], Verdict | None]] = {
    "create_run": creation_verdict,
    "delete_thread": deletion_verdict,
}
