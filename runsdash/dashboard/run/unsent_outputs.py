"""Shows what the reader of a run page typed for its tool calls and can no longer send, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from runsdash.accounts.models import User
from runsdash.actions.outputs.drafts import drafts_of
from runsdash.actions.outputs.outputs import Draft
from runsdash.audit.trail import AuditedAction
from runsdash.dashboard.shell.formats import moment_text
from runsdash.index.models import Run
from runsdash.service.statuses import RunStatus


@dataclass(frozen=True, kw_only=True)
class UnsentOutputs:
    """Holds each draft with the arguments of its call."""

    drafts: list[tuple[Draft, str]]
    title: str
    note: str
    icon: str


def unsent_outputs_of(user: User, run: Run, audited_actions: Sequence[AuditedAction]) -> UnsentOutputs | None:
    """Returns the reader's drafts; None while the run waits, since its form shows them."""
    if run.facts.is_waiting or not run.pending_calls:
        return None
    drafts = list(drafts_of(user, run).values())
    if not drafts:
        return None
    arguments = {call.get("id"): call.get("arguments", "") for call in run.pending_calls if isinstance(call, dict)}
    title, note = why(run, audited_actions)
    with_arguments = [(draft, arguments.get(draft.call_id, "")) for draft in drafts]
    return UnsentOutputs(drafts=with_arguments, title=title, note=note, icon=run.facts.icon)


def why(run: Run, actions: Sequence[AuditedAction]) -> tuple[str, str]:
    if run.facts == RunStatus.EXPIRED:
        return "Expired, outputs were not sent", "The run cannot go on; its thread is free again."
    sent = next((one for one in actions if one.intent.action == "submit_tool_outputs" and one.is_done), None)
    if sent is not None:
        return "Your unsent outputs", f"{sent.intent.actor} answered these calls at {clock(sent.intent.at)}."
    return "Your unsent outputs", f"The run is {run.facts.label.lower()} and no longer waits for these calls."


def clock(moment: datetime) -> str:
    return moment_text(moment).split(" ", 1)[1]
