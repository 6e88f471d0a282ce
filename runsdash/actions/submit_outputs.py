"""Answers the tool calls that a run waits for: outputs, or approvals."""

from typing import Any

from runsdash.accounts.models import User
from runsdash.index.models import Run
from runsdash.service import Client, InvalidRequest, tool_output

from .audited_call import Columns
from .write_to_run import write_to


def submit_tool_outputs(
    *,
    actor: User,
    run: Run,
    outputs: dict[str, str],
    is_streamed: bool = False,
    token: str | None = None,
    reason: str = "",
) -> Run:
    """Answers every pending call in one request. `outputs`: text by tool call id. Streamed: its live output goes on."""
    refuse_ambiguous(run)
    answers = [tool_output(tool_call_id=call_id, output=text) for call_id, text in outputs.items()]
    return submit(run, {"tool_outputs": answers, **streamed(is_streamed)}, actor=actor, token=token, reason=reason)


def submit_tool_approvals(
    *,
    actor: User,
    run: Run,
    approvals: dict[str, bool],
    is_streamed: bool = False,
    token: str | None = None,
    reason: str = "",
) -> Run:
    """Approves or denies every pending call of a `submit_tool_approval` in one request."""
    refuse_ambiguous(run)
    answers = [{"tool_call_id": call_id, "approve": approve} for call_id, approve in approvals.items()]
    return submit(run, {"tool_approvals": answers, **streamed(is_streamed)}, actor=actor, token=token, reason=reason)


def submit(run: Run, parameters: dict[str, Any], *, actor: User, token: str | None, reason: str) -> Run:
    before = waiting_picture(run)
    return write_to(
        run, Client.submit_tool_outputs, parameters, actor=actor, token=token, reason=reason,
        has_changed=lambda row: waiting_picture(row) != before, picture=waiting_picture,
    )  # fmt: skip


def refuse_ambiguous(run: Run) -> None:
    """Turns answers down that would reach another call than the one they were typed for, or none."""
    if run.calls_fault:
        raise InvalidRequest(run.calls_fault, param="tool_call_id")


def streamed(is_streamed: bool) -> dict[str, bool]:
    return {"stream": True} if is_streamed else {}


def waiting_picture(run: Run) -> Columns:
    return {
        "status": run.status,
        "waits_for": [call["id"] for call in run.pending_calls] if run.waits_for else [],
    }
