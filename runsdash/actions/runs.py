"""What people do to a run that exists: cancel it, change its metadata, answer its tool calls."""

from collections.abc import Callable, Sequence
from datetime import datetime

from runsdash.accounts.models import User
from runsdash.index.models import Run
from runsdash.index.snapshots.upsert_runs import upsert_run
from runsdash.index.storage.storable_text import storable_json
from runsdash.service import InvalidRequest, objects, tool_output

from .audited_call import AuditedCall, carry_out


def cancel_run(*, actor: User, run: Run, token: str | None = None, reason: str = "") -> Run:
    """Asks the upstream to cancel. The run is usually `cancelling` afterwards; whoever watches follows it to its end."""
    return write_to(run, actor=actor, operation="cancel_run", token=token, reason=reason)


def modify_run(*, actor: User, run: Run, metadata: dict[str, str], token: str | None = None, reason: str = "") -> Run:
    """Sends the whole metadata map, which replaces the old one."""
    return write_to(
        run, actor=actor, operation="modify_run", token=token, reason=reason,
        parameters={"metadata": metadata}, picture=lambda row: {"metadata": row.metadata},
    )  # fmt: skip


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
    return write_to(
        run, actor=actor, operation="submit_tool_outputs", token=token, reason=reason,
        parameters={"tool_outputs": answers, **streamed(is_streamed)}, picture=waiting_picture,
    )  # fmt: skip


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
    return write_to(
        run, actor=actor, operation="submit_tool_outputs", token=token, reason=reason,
        parameters={"tool_approvals": answers, **streamed(is_streamed)}, picture=waiting_picture,
    )  # fmt: skip


def refuse_ambiguous(run: Run) -> None:
    """Turns answers down that would reach another call than the one they were typed for, or none."""
    if run.calls_fault:
        raise InvalidRequest(run.calls_fault, param="tool_call_id")


def streamed(is_streamed: bool) -> dict[str, bool]:
    return {"stream": True} if is_streamed else {}


def status_picture(run: Run) -> dict[str, object]:
    return {"status": run.status}


def waiting_picture(run: Run) -> dict[str, object]:
    return {
        "status": run.status,
        "waits_for": [call["id"] for call in run.pending_calls] if run.waits_for else [],
    }


def write_to(
    run: Run,
    *,
    actor: User,
    operation: str,
    token: str | None,
    reason: str,
    parameters: Sequence | dict | None = None,
    picture: Callable[[Run], dict[str, object]] = status_picture,
) -> Run:
    """One write to an existing run; returns its row as the reply left it."""
    ids = {"thread_id": run.thread.upstream_id, "run_id": run.upstream_id}
    call = AuditedCall(
        actor=actor, operation=operation, connection=run.connection, token=token, reason=reason,
        parameters={**ids, **(parameters or {})}, before=picture(run), **ids,
    )  # fmt: skip
    rows: list[Run] = []

    def store(answer: objects.Run, at: datetime) -> dict[str, object]:
        rows.append(upsert_run(run.connection, answer, fetched_at=at, thread_id=run.thread.upstream_id))
        return {"after": storable_json(picture(rows[0]))}

    carry_out(call, store=store)
    return rows[0]
