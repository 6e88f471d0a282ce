"""What people start: a run on a thread, a thread with its run, a message."""

from datetime import datetime

from runsdash.accounts.models import User
from runsdash.index.keeping.purge import let_back_in
from runsdash.index.models import Connection, Run, Thread
from runsdash.index.snapshots.upsert_messages import upsert_messages
from runsdash.index.snapshots.upsert_runs import upsert_run
from runsdash.index.snapshots.upsert_threads import ensure_threads, upsert_threads
from runsdash.service import objects

from .audited_call import AuditedCall, carry_out
from .lineage import keep_lineage


def create_run(
    *,
    actor: User,
    connection: Connection,
    thread_id: str,
    parameters: dict[str, object],
    token: str | None = None,
    reason: str = "",
    origin: dict[str, object] | None = None,
) -> Run:
    """Starts a run on a thread. `parameters`: those of service.create_run but thread_id. `origin`: of a re-run."""
    call = AuditedCall(
        actor=actor, operation="create_run", connection=connection, token=token, reason=reason,
        thread_id=thread_id, parameters={"thread_id": thread_id, **parameters}, before=origin,
    )  # fmt: skip
    return started(call, connection)


def create_thread_and_run(
    *,
    actor: User,
    connection: Connection,
    parameters: dict[str, object],
    token: str | None = None,
    reason: str = "",
) -> Run:
    """Thread and run in the API's single call. If no answer comes, nobody can find out what became of it."""
    call = AuditedCall(
        actor=actor, operation="create_thread_and_run", connection=connection, token=token, reason=reason,
        parameters=parameters,
    )  # fmt: skip
    return started(call, connection)


def create_thread(
    *,
    actor: User,
    connection: Connection,
    parameters: dict[str, object],
    token: str | None = None,
    reason: str = "",
) -> Thread:
    """Makes a thread, so that a run on it can be found again whatever happens to the answer."""
    call = AuditedCall(
        actor=actor, operation="create_thread", connection=connection, token=token, reason=reason,
        parameters=parameters,
    )  # fmt: skip
    rows: list[Thread] = []

    def store(answer: objects.Thread, at: datetime) -> dict[str, object]:
        known = upsert_threads(connection, [answer], fetched_at=at, added_by=actor.get_username())
        rows.append(next(iter(known.values())))
        return {"thread_id": rows[0].upstream_id, "after": {"thread_id": rows[0].upstream_id}}

    carry_out(call, store=store)
    return rows[0]


def create_message(
    *, actor: User, thread: Thread, role: str, content: str, token: str | None = None, reason: str = ""
) -> None:
    """Adds a message to a thread; it starts no run by itself."""
    connection, thread_id = thread.connection, thread.upstream_id
    call = AuditedCall(
        actor=actor, operation="create_message", connection=connection, token=token, reason=reason,
        thread_id=thread_id, parameters={"thread_id": thread_id, "role": role, "content": content},
    )  # fmt: skip

    def store(answer: objects.Message, at: datetime) -> dict[str, object]:
        upsert_messages(thread, [answer], fetched_at=at)
        return {"after": {"message_id": answer.id}}

    carry_out(call, store=store)


def started(call: AuditedCall, connection: Connection) -> Run:
    rows: list[Run] = []

    def store(answer: objects.Run, at: datetime) -> dict[str, object]:
        thread_id = answer.thread_id or call.thread_id
        let_back_in(connection, [thread_id])
        ensure_threads(connection, [thread_id], added_by=call.actor.get_username())
        rows.append(upsert_run(connection, answer, fetched_at=at, thread_id=thread_id))
        keep_lineage(rows[0], call.before, made_by=call.actor.get_username())
        after = {"run_id": rows[0].upstream_id, "thread_id": thread_id, "status": rows[0].status}
        return {"run_id": rows[0].upstream_id, "thread_id": thread_id, "after": after}

    carry_out(call, store=store)
    return rows[0]
