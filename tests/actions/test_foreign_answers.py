"""A write that is answered with another run's or thread's object is not done: it is unclear, and settled by reading."""

import pytest

from runsdash.actions.cancel_run import cancel_run
from runsdash.actions.modify_run import modify_run
from runsdash.actions.settle.settle_unclear import settle_run, settle_thread
from runsdash.actions.start_run import create_message, create_run
from runsdash.actions.submit_outputs import submit_tool_outputs
from runsdash.actions.threads import delete_thread
from runsdash.audit.models import AuditEntry
from runsdash.index.models import Message, Run, Thread
from runsdash.service import UpstreamFailed
from runsdash.sync.refresh import refresh_thread
from tests.actions.looks import reread

pytestmark = pytest.mark.django_db(transaction=True)
Result = AuditEntry.Result


def submit(run: Run, actor: object, *, is_streamed: bool = False) -> None:
    outputs = {call["id"]: "7" for call in run.pending_calls}
    submit_tool_outputs(actor=actor, run=run, outputs=outputs, is_streamed=is_streamed)


def start_on(run: Run, actor: object, **more: object) -> None:
    parameters = {"assistant_id": run.assistant_id, **more}
    create_run(actor=actor, connection=run.connection, thread_id=run.thread.upstream_id, parameters=parameters)


# Of each write: what it does to a run that waits, or (second) to one that has ended.
ON_A_WAITING_RUN = {
    "cancel_run": lambda run, actor: cancel_run(actor=actor, run=run),
    "modify_run": lambda run, actor: modify_run(actor=actor, run=run, metadata={"a": "b"}),
    "submit_tool_outputs": submit,
    "submit_tool_outputs streamed": lambda run, actor: submit(run, actor, is_streamed=True),
}
ON_AN_IDLE_THREAD = {
    "create_run": start_on,
    "create_run streamed": lambda run, actor: start_on(run, actor, stream=True),
    "create_message": lambda run, actor: create_message(actor=actor, thread=run.thread, role="user", content="hi"),
    "delete_thread": lambda run, actor: delete_thread(actor=actor, thread=run.thread),
}


@pytest.mark.parametrize("name", [*ON_A_WAITING_RUN, *ON_AN_IDLE_THREAD])
def test_it_is_unclear_and_adds_nothing(connection, upstream, waiting, operator, name):
    if name in ON_AN_IDLE_THREAD:
        cancel_run(actor=operator, run=waiting)
        upstream.wait({"id": waiting.upstream_id, "thread_id": waiting.thread.upstream_id}, "cancelled")
        waiting = reread(waiting)
    earlier = set(AuditEntry.objects.values_list("pk", flat=True))
    rows = {model: set(model.objects.values_list("upstream_id", flat=True)) for model in (Run, Thread, Message)}
    upstream.fault("", "foreign")

    with pytest.raises(UpstreamFailed, match="answered with another"):
        (ON_A_WAITING_RUN | ON_AN_IDLE_THREAD)[name](waiting, operator)

    added = AuditEntry.objects.exclude(pk__in=earlier)
    assert added.get(kind=AuditEntry.Kind.OUTCOME).result == Result.UNCLEAR
    assert rows == {model: set(model.objects.values_list("upstream_id", flat=True)) for model in rows}
    assert not Thread.objects.filter(is_gone=True).exists()
    if name == "create_message":
        return
    row = reread(waiting)
    settle_run(row)
    settle_thread(refresh_thread(connection, thread_id=row.thread.upstream_id, max_age_s=0, wait_s=5))
    assert AuditEntry.objects.order_by("-pk").first().result == Result.SETTLED_DONE
