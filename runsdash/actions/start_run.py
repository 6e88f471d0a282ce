"""Starts runs on threads and threads with their run; creates threads and messages."""

from datetime import datetime

from runsdash.accounts.models import User
from runsdash.index.keeping.purge import let_back_in
from runsdash.index.models import Connection, Run, Thread
from runsdash.index.snapshots.upsert_messages import upsert_messages
from runsdash.index.snapshots.upsert_runs import upsert_run
from runsdash.index.snapshots.upsert_threads import ensure_threads, upsert_threads
from runsdash.service import Client, objects
from runsdash.service.json_types import JsonFields

from .audited_call import AuditedCall, Columns, carry_out
from .lineage import keep_lineage


def create_run(
    *,
    actor: User,
    connection: Connection,
    thread_id: str,
    parameters: JsonFields,
    token: str | None = None,
    reason: str = "",
    origin: JsonFields | None = None,
) -> Run:
    """Starts a run on a thread. `parameters`: those of service.create_run but thread_id. `origin`: of a re-run."""
    call = AuditedCall(
        actor=actor, operation=Client.create_run, connection=connection, token=token, reason=reason,
        thread_id=thread_id, parameters={"thread_id": thread_id, **parameters}, before=origin,
    )  # fmt: skip
    return started(call)


def create_thread_and_run(
    *,
    actor: User,
    connection: Connection,
    parameters: JsonFields,
    token: str | None = None,
    reason: str = "",
) -> Run:
    """Creates thread and run in the API's single call. If no answer comes, nobody can find out what became of it."""
    call = AuditedCall(
        actor=actor, operation=Client.create_thread_and_run, connection=connection, token=token, reason=reason,
        parameters=parameters,
    )  # fmt: skip
    return started(call)


def create_thread(
    *,
    actor: User,
    connection: Connection,
    parameters: JsonFields,
    token: str | None = None,
    reason: str = "",
) -> Thread:
    """Creates a thread, so that a run on it can be found again whatever happens to the answer."""
    call = AuditedCall(
        actor=actor, operation=Client.create_thread, connection=connection, token=token, reason=reason,
        parameters=parameters,
    )  # fmt: skip

    def store(answer: objects.Thread, at: datetime) -> tuple[Thread, Columns]:
        (thread,) = upsert_threads(connection, [answer], fetched_at=at, added_by=actor.get_username()).values()
        return thread, {"thread_id": thread.upstream_id, "after": {"thread_id": thread.upstream_id}}

    return carry_out(call, store=store)


def create_message(
    *, actor: User, thread: Thread, role: str, content: str, token: str | None = None, reason: str = ""
) -> None:
    """Adds a message to a thread, which starts no run."""
    connection, thread_id = thread.connection, thread.upstream_id
    call = AuditedCall(
        actor=actor, operation=Client.create_message, connection=connection, token=token, reason=reason,
        thread_id=thread_id, parameters={"thread_id": thread_id, "role": role, "content": content},
    )  # fmt: skip

    def store(answer: objects.Message, at: datetime) -> tuple[None, Columns]:
        upsert_messages(thread, [answer], fetched_at=at)
        return None, {"after": {"message_id": answer.id}}

    carry_out(call, store=store)


def started(call: AuditedCall) -> Run:
    def store(answer: objects.Run, at: datetime) -> tuple[Run, Columns]:
        thread_id = answer.thread_id or call.thread_id
        let_back_in(call.connection, [thread_id])
        ensure_threads(call.connection, [thread_id], added_by=call.actor.get_username())
        run = upsert_run(call.connection, answer, fetched_at=at, thread_id=thread_id)
        keep_lineage(run, call.before, made_by=call.actor.get_username())
        ids = {"run_id": run.upstream_id, "thread_id": thread_id}
        return run, {**ids, "after": {**ids, "status": run.status}}

    return carry_out(call, store=store)
