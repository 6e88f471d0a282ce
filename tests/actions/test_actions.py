"""What people do, seen at the upstream, in the trail and in the index."""

import pytest
from django.core.exceptions import PermissionDenied

from runsdash.accounts.models import User
from runsdash.actions.audited_call import new_token
from runsdash.actions.cancel_run import cancel_run
from runsdash.actions.modify_run import modify_run
from runsdash.actions.start_run import create_run, create_thread
from runsdash.actions.submit_outputs import submit_tool_approvals, submit_tool_outputs
from runsdash.audit.models import AuditEntry
from runsdash.audit.trail import TokenUsed, actions_of_run
from runsdash.service import InvalidRequest, Refused
from runsdash.sync.refresh import refresh_run
from tests.actions.looks import reread, writes
from tests.connected import wait_for

pytestmark = pytest.mark.django_db(transaction=True)
Result = AuditEntry.Result


def test_cancel_leaves_intent_outcome_and_a_newer_row(upstream, waiting, operator):
    upstream.clear_requests()

    row = cancel_run(actor=operator, run=waiting, token=new_token(), reason="customer hung up")

    assert writes(upstream) == ["cancel"]
    assert row.status in {"cancelling", "cancelled"}
    intent, outcome = AuditEntry.objects.order_by("id")
    assert (intent.kind, intent.action, intent.actor, intent.reason) == (
        "intent",
        "cancel_run",
        "olga",
        "customer hung up",
    )
    assert (outcome.intent_id, outcome.result, outcome.upstream_status) == (intent.pk, Result.DONE, 200)
    assert outcome.request_id
    assert (outcome.before, outcome.after) == ({"status": "requires_action"}, {"status": row.status})


def test_a_token_sends_once(upstream, waiting, operator):
    token = new_token()
    cancel_run(actor=operator, run=waiting, token=token)
    upstream.clear_requests()

    with pytest.raises(TokenUsed) as used:
        cancel_run(actor=operator, run=waiting, token=token)

    assert writes(upstream) == []
    assert used.value.intent.action == "cancel_run"


def test_a_viewer_is_refused_on_the_record(upstream, waiting):
    viewer = User.objects.create(username="vera", role="viewer")
    upstream.clear_requests()

    with pytest.raises(PermissionDenied):
        cancel_run(actor=viewer, run=waiting)

    assert writes(upstream) == []
    assert AuditEntry.objects.get().kind == "refusal"


def test_read_only_refuses_operators_too(upstream, waiting, operator, settings):
    settings.RUNSDASH_READ_ONLY = True
    upstream.clear_requests()

    with pytest.raises(PermissionDenied, match="read-only"):
        cancel_run(actor=operator, run=waiting)

    assert writes(upstream) == []


def test_modify_sends_the_whole_map(upstream, waiting, operator):
    upstream.clear_requests()
    row = modify_run(actor=operator, run=waiting, metadata={"ticket": "1", "team": "claims"})
    assert row.metadata == {"ticket": "1", "team": "claims"}
    assert upstream.requests(method="POST")[0]["body"] == {"metadata": {"ticket": "1", "team": "claims"}}
    row = modify_run(actor=operator, run=row, metadata={"team": "claims"})
    assert dict(row.metadata_pairs.values_list("key", "value")) == {"team": "claims"}


def test_our_own_check_refuses_before_an_intent(waiting, operator):
    with pytest.raises(InvalidRequest):
        modify_run(actor=operator, run=waiting, metadata={"k" * 65: "v"})
    assert not AuditEntry.objects.exists()


def test_outputs_are_sent_in_one_request(upstream, waiting, operator):
    call = waiting.pending_calls[0]["id"]
    upstream.clear_requests()

    submit_tool_outputs(actor=operator, run=waiting, outputs={call: '{"left": 7}'})

    sent = upstream.requests(method="POST", path="submit_tool_outputs")
    assert [one["body"]["tool_outputs"] for one in sent] == [[{"tool_call_id": call, "output": '{"left": 7}'}]]
    done = wait_for(upstream, {"thread_id": waiting.thread.upstream_id, "id": waiting.upstream_id}, "completed")
    assert done["usage"]["total_tokens"] == reread(waiting).total_tokens


def test_approvals(upstream, connection, start, operator):
    run = start("/approve", until="requires_action")
    row = refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
    assert row.waits_for == "submit_tool_approval"
    submit_tool_approvals(actor=operator, run=row, approvals={call["id"]: True for call in row.pending_calls})
    wait_for(upstream, run, "completed")


def test_a_refusal_of_the_upstream_is_recorded_with_its_words(upstream, connection, start, operator):
    run = start("hello", until="completed")
    row = refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])

    with pytest.raises(Refused):
        cancel_run(actor=operator, run=row)

    outcome = AuditEntry.objects.get(kind="outcome")
    assert (outcome.result, outcome.upstream_status) == (Result.REFUSED, 400)
    assert outcome.upstream_message == "Cannot cancel run with status 'completed'."


def test_create_run(upstream, connection, assistant, operator):
    thread = create_thread(
        actor=operator,
        connection=connection,
        parameters={"messages": [{"role": "user", "content": "/tool"}], "metadata": {"a": "b"}},
    )
    run = create_run(
        actor=operator,
        connection=connection,
        thread_id=thread.upstream_id,
        parameters={"assistant_id": assistant["id"], "metadata": {"x": "y"}},
    )
    assert run.thread == thread
    assert [audited.result for audited in actions_of_run(run.upstream_id)] == [Result.DONE]


def test_a_streamed_run_is_known_at_once_and_read_to_its_end(upstream, connection, assistant, operator):
    thread = create_thread(
        actor=operator, connection=connection, parameters={"messages": [{"role": "user", "content": "/long 20"}]}
    )
    run = create_run(
        actor=operator,
        connection=connection,
        thread_id=thread.upstream_id,
        parameters={"assistant_id": assistant["id"], "stream": True},
    )
    wait_for(upstream, {"thread_id": thread.upstream_id, "id": run.upstream_id}, "completed")
    assert reread(run).status == "completed"
    outcome = AuditEntry.objects.get(kind="outcome", action="create_run")
    assert outcome.request_id
