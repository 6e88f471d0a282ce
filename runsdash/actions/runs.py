"""Writes to a run that exists: cancels it, changes its metadata, answers its tool calls."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from runsdash.accounts.models import User
from runsdash.index.models import Run
from runsdash.index.snapshots.upsert_runs import upsert_run
from runsdash.index.storage.storable_text import storable_json
from runsdash.service import Client, InvalidRequest, objects, tool_output

from .audited_call import AuditedCall, Columns, carry_out


def cancel_run(*, actor: User, run: Run, token: str | None = None, reason: str = "") -> Run:
    """Asks the upstream to cancel. The run is usually `cancelling` afterwards; whoever watches sees its end."""
    return write_to(run, Client.cancel_run, {}, actor=actor, token=token, reason=reason)


def modify_run(*, actor: User, run: Run, metadata: dict[str, str], token: str | None = None, reason: str = "") -> Run:
    """Sends the whole metadata map, which replaces the old one."""
    parameters = {"metadata": metadata}
    return write_to(
        run, Client.modify_run, parameters, actor=actor, token=token, reason=reason, picture=metadata_picture
    )


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
    parameters = {"tool_outputs": answers, **streamed(is_streamed)}
    return write_to(
        run, Client.submit_tool_outputs, parameters, actor=actor, token=token, reason=reason, picture=waiting_picture
    )


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
    parameters = {"tool_approvals": answers, **streamed(is_streamed)}
    return write_to(
        run, Client.submit_tool_outputs, parameters, actor=actor, token=token, reason=reason, picture=waiting_picture
    )


def refuse_ambiguous(run: Run) -> None:
    """Turns answers down that would reach another call than the one they were typed for, or none."""
    if run.calls_fault:
        raise InvalidRequest(run.calls_fault, param="tool_call_id")


def streamed(is_streamed: bool) -> dict[str, bool]:
    return {"stream": True} if is_streamed else {}


def status_picture(run: Run) -> Columns:
    return {"status": run.status}


def metadata_picture(run: Run) -> Columns:
    return {"metadata": run.metadata}


def waiting_picture(run: Run) -> Columns:
    return {
        "status": run.status,
        "waits_for": [call["id"] for call in run.pending_calls] if run.waits_for else [],
    }


def write_to(
    run: Run,
    operation: Callable[..., Any],
    parameters: Mapping[str, object],
    *,
    actor: User,
    token: str | None,
    reason: str,
    picture: Callable[[Run], Columns] = status_picture,
) -> Run:
    """Sends one write to a run; returns its row as the reply left it. `picture`: what the trail keeps of a row."""
    ids = {"thread_id": run.thread.upstream_id, "run_id": run.upstream_id}
    call = AuditedCall(
        actor=actor, operation=operation, connection=run.connection, token=token, reason=reason,
        parameters={**ids, **parameters}, before=picture(run), **ids,
    )  # fmt: skip

    def store(answer: objects.Run, at: datetime) -> tuple[Run, Columns]:
        row = upsert_run(run.connection, answer, fetched_at=at, thread_id=run.thread.upstream_id)
        return row, {"after": storable_json(picture(row))}

    return carry_out(call, store=store)
