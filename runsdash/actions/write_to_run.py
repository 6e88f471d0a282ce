"""Sends one write to a run that exists, on the record. What is written: cancel_run, modify_run, submit_outputs."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from runsdash.accounts.models import User
from runsdash.index.models import Run
from runsdash.index.snapshots.upsert_runs import upsert_run
from runsdash.index.storage.storable_text import storable_json
from runsdash.service import objects
from runsdash.service.json_types import JsonFields

from .audited_call import UNCHANGED, AuditedCall, Columns, carry_out


def status_picture(run: Run) -> Columns:
    return {"status": run.status}


def write_to(
    run: Run,
    operation: Callable[..., Any],
    parameters: JsonFields,
    *,
    actor: User,
    token: str | None,
    reason: str,
    has_changed: Callable[[Run], bool],
    picture: Callable[[Run], Columns] = status_picture,
) -> Run:
    """Sends one write to a run; returns its row as the reply left it.

    `has_changed`: whether that row shows what was asked for. `picture`: what the trail keeps of a row.
    """
    ids = {"thread_id": run.thread.upstream_id, "run_id": run.upstream_id}
    call = AuditedCall(
        actor=actor, operation=operation, connection=run.connection, token=token, reason=reason,
        parameters={**ids, **parameters}, before=picture(run), **ids,
    )  # fmt: skip

    def store(answer: objects.Run, at: datetime) -> tuple[Run, Columns]:
        row = upsert_run(run.connection, answer, fetched_at=at, thread_id=run.thread.upstream_id)
        return row, {"after": storable_json(picture(row)), **({} if has_changed(row) else UNCHANGED)}

    return carry_out(call, store=store)
