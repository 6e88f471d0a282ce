"""Unclear outcomes are settled by reading: what is found, when a copy says enough, what is never settled wrongly."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from runsdash.accounts.models import User
from runsdash.actions.cancel_run import cancel_run
from runsdash.actions.models import Lineage
from runsdash.actions.modify_run import modify_run
from runsdash.actions.rerun import rerun
from runsdash.actions.settle.settle_unclear import keep, settle_recent, settle_run, settle_thread
from runsdash.actions.settle.settle_verdicts import no
from runsdash.actions.start_run import create_run, create_thread
from runsdash.actions.submit_outputs import submit_tool_outputs
from runsdash.audit.models import AuditEntry
from runsdash.audit.trail import AuditedAction, action_of, actions_of_run, record_intent, record_outcome
from runsdash.index.models import Connection, PurgedThread, Run, Thread
from runsdash.index.snapshots.upsert_threads import upsert_threads
from runsdash.service import NoAnswer, UpstreamFailed, objects
from runsdash.sync.refresh import refresh_thread
from tests.actions.looks import reread, writes

pytestmark = pytest.mark.django_db(transaction=True)
Result = AuditEntry.Result
BOTH = [("reset_after", Result.SETTLED_DONE), ("reset_before", Result.SETTLED_NOT_DONE)]


@pytest.fixture
def thread(connection, operator) -> Thread:
    messages = {"messages": [{"role": "user", "content": "hi"}]}
    return create_thread(actor=operator, connection=connection, parameters=messages)


def listed(thread: Thread) -> Thread:
    return refresh_thread(thread.connection, thread_id=thread.upstream_id, max_age_s=0, wait_s=5)


def intent_left(run: Run, **columns: object) -> AuditEntry:
    """A dead process's: nobody wrote an outcome, and its time is over."""
    given = {"action": "cancel_run", "actor": "olga", "connection_slug": run.connection.slug}
    given |= {"thread_id": run.thread.upstream_id, "run_id": run.upstream_id}
    return record_intent(**{"at": timezone.now() - timedelta(minutes=1)} | given | columns)


def unclear(run: Run) -> list[str]:
    return [audited.result for audited in settle_run(run)]


@pytest.mark.parametrize(("kind", "expected"), BOTH)
def test_a_cancel_without_answer(upstream, waiting, operator, kind, expected):
    upstream.fault("POST /cancel", kind)
    upstream.clear_requests()

    with pytest.raises(NoAnswer) as error:
        cancel_run(actor=operator, run=waiting)

    assert error.value.sent
    assert unclear(waiting) == [Result.UNCLEAR]
    assert unclear(reread(waiting)) == [expected]
    assert len([path for path in writes(upstream) if path == "cancel"]) <= 1


@pytest.mark.parametrize(("kind", "expected"), BOTH)
def test_a_modify_without_answer(upstream, waiting, operator, kind, expected):
    upstream.fault(f"POST /runs/{waiting.upstream_id}$", kind)
    with pytest.raises(NoAnswer):
        modify_run(actor=operator, run=waiting, metadata={"new": "1"})
    assert unclear(reread(waiting)) == [expected]


def test_a_modify_that_somebody_else_followed_cannot_be_told_apart(upstream, waiting, operator):
    upstream.fault(f"POST /runs/{waiting.upstream_id}$", "reset_after")
    with pytest.raises(NoAnswer):
        modify_run(actor=operator, run=waiting, metadata={"new": "1"})
    path = f"/threads/{waiting.thread.upstream_id}/runs/{waiting.upstream_id}"
    upstream.post(path, {"metadata": {"other": "2"}})
    assert unclear(reread(waiting)) == [Result.SETTLED_OPEN]


@pytest.mark.parametrize(("kind", "expected"), BOTH)
def test_a_submit_without_answer(upstream, waiting, operator, kind, expected):
    upstream.fault("POST /submit_tool_outputs", kind)
    with pytest.raises(NoAnswer):
        submit_tool_outputs(actor=operator, run=waiting, outputs={waiting.pending_calls[0]["id"]: "7"})
    assert unclear(reread(waiting)) == [expected]


def test_a_submit_to_a_run_that_was_cancelled_meanwhile_is_told_by_its_steps(upstream, waiting, operator):
    upstream.fault("POST /submit_tool_outputs", "reset_before")
    with pytest.raises(NoAnswer):
        submit_tool_outputs(actor=operator, run=waiting, outputs={waiting.pending_calls[0]["id"]: "7"})
    upstream.post(f"/threads/{waiting.thread.upstream_id}/runs/{waiting.upstream_id}/cancel")
    assert unclear(reread(waiting)) == [Result.SETTLED_NOT_DONE]


def test_a_failure_with_a_status_is_unclear_too(upstream, waiting, operator):
    upstream.fault("POST /cancel", "500")
    with pytest.raises(UpstreamFailed):
        cancel_run(actor=operator, run=waiting)
    assert unclear(reread(waiting)) == [Result.SETTLED_NOT_DONE]


def test_what_timed_out_is_not_called_undone_while_the_upstream_may_still_do_it(
    upstream, waiting, operator, connection
):
    connection.timeout_s = 0.5
    connection.save()
    waiting = reread(waiting)
    upstream.fault("POST /cancel", "delay", delay_s=1.5)
    with pytest.raises(NoAnswer) as error:
        cancel_run(actor=operator, run=waiting)
    assert error.value.timed_out

    assert unclear(reread(waiting)) == [Result.UNCLEAR]
    time.sleep(1.2)
    assert unclear(reread(waiting)) == [Result.SETTLED_DONE]


def test_what_timed_out_is_undone_in_the_end(waiting, connection):
    intent = intent_left(waiting)
    record_outcome(intent, result=Result.UNCLEAR, at=intent.at + timedelta(seconds=connection.timeout_s))
    assert unclear(reread(waiting)) == [Result.SETTLED_NOT_DONE]


def test_two_who_look_at_once_tell_it_once(waiting):
    intent = intent_left(waiting)
    run, seen = reread(waiting), AuditedAction(intent)
    assert unclear(run) == [Result.SETTLED_NOT_DONE]

    keep(seen, no("The run is still requires_action."))

    assert [one.result for one in seen.outcomes] == [Result.SETTLED_NOT_DONE]
    assert AuditEntry.objects.filter(intent_id=intent.pk).count() == 1


def test_a_run_of_the_same_id_on_another_connection_settles_nothing(waiting):
    intent_left(waiting, connection_slug="elsewhere")
    assert unclear(reread(waiting)) == []


# A run that was to be made


@pytest.mark.parametrize(("kind", "expected"), BOTH)
def test_a_create_run_without_answer(upstream, thread, assistant, operator, kind, expected):
    audited = lost_creation(upstream, thread, operator, kind=kind, assistant_id=assistant["id"])
    assert audited.result == expected
    assert len(upstream.requests(method="POST", path="/runs")) <= 1
    assert bool(audited.last.run_id) == (expected == Result.SETTLED_DONE)


def lost_creation(upstream, thread: Thread, operator: User, *, kind: str, **parameters: object) -> AuditedAction:
    upstream.fault("POST /runs$", kind)
    with pytest.raises(NoAnswer):
        create_run(
            actor=operator, connection=thread.connection, thread_id=thread.upstream_id, parameters=dict(parameters)
        )
    return next(audited for audited in settle_thread(listed(thread)) if audited.intent.action == "create_run")


def test_somebody_elses_run_is_not_taken_for_it(upstream, thread, assistant, operator):
    """Made with other instructions a moment later, on the same thread by the same assistant."""
    upstream.fault("POST /runs$", "reset_after")
    parameters = {"assistant_id": assistant["id"], "instructions": "Be brief."}
    with pytest.raises(NoAnswer):
        create_run(actor=operator, connection=thread.connection, thread_id=thread.upstream_id, parameters=parameters)
    (mine,) = upstream.get(f"/threads/{thread.upstream_id}/runs")["data"]
    upstream.wait(mine)
    upstream.wait(upstream.post(f"/threads/{thread.upstream_id}/runs", {"assistant_id": assistant["id"]}))

    audited = next(one for one in settle_thread(listed(thread)) if one.intent.action == "create_run")

    assert (audited.result, audited.last.run_id) == (Result.SETTLED_DONE, mine["id"])


def test_several_that_are_alike_are_told_and_not_chosen(upstream, thread, assistant, operator):
    upstream.fault("POST /runs$", "reset_after")
    parameters = {"assistant_id": assistant["id"]}
    with pytest.raises(NoAnswer):
        create_run(actor=operator, connection=thread.connection, thread_id=thread.upstream_id, parameters=parameters)
    upstream.wait(upstream.get(f"/threads/{thread.upstream_id}/runs")["data"][0])
    upstream.wait(upstream.post(f"/threads/{thread.upstream_id}/runs", parameters))

    audited = next(one for one in settle_thread(listed(thread)) if one.intent.action == "create_run")

    assert (audited.result, len(audited.last.after["run_ids"])) == (Result.SETTLED_OPEN, 2)


def test_a_run_that_was_known_before_is_not_the_one(upstream, thread, assistant, operator):
    parameters = {"assistant_id": assistant["id"]}
    upstream.wait(upstream.post(f"/threads/{thread.upstream_id}/runs", parameters))
    settle_thread(listed(thread))
    audited = lost_creation(upstream, thread, operator, kind="reset_before", **parameters)
    assert audited.result == Result.SETTLED_NOT_DONE


def test_a_fresh_thread_whose_runs_are_not_stored_yet_settles_nothing(upstream, thread, assistant, operator):
    """As when threads are listed, and as for a moment while a read is stored, in which a process may die."""
    upstream.fault("POST /runs$", "reset_after")
    with pytest.raises(NoAnswer):
        create_run(
            actor=operator,
            connection=thread.connection,
            thread_id=thread.upstream_id,
            parameters={"assistant_id": assistant["id"]},
        )
    listed_alone = objects.Thread.from_raw(upstream.get(f"/threads/{thread.upstream_id}"))
    upsert_threads(thread.connection, [listed_alone], fetched_at=timezone.now())
    (audited,) = [one for one in settle_thread(Thread.objects.get(pk=thread.pk)) if one.intent.action == "create_run"]
    assert audited.is_open
    (audited,) = [one for one in settle_thread(listed(thread)) if one.intent.action == "create_run"]
    assert audited.result == Result.SETTLED_DONE


def test_where_runs_are_not_listed_none_is_called_not_made(upstream, thread, assistant, operator):
    audited = lost_creation(upstream, thread, operator, kind="reset_before", assistant_id=assistant["id"])
    assert audited.result == Result.SETTLED_NOT_DONE
    Connection.objects.update(runs_refused_at=timezone.now(), can_list_runs=False)
    audited = lost_creation(upstream, thread, operator, kind="reset_before", assistant_id=assistant["id"])
    assert audited.is_open


def test_outputs_of_an_ended_run_are_looked_for_in_steps_as_fresh_as_the_run(upstream, waiting, operator):
    reread(waiting)
    intent_left(
        waiting,
        action="submit_tool_outputs",
        sent={"body": {"tool_outputs": [{"tool_call_id": waiting.pending_calls[0]["id"], "output": "7"}]}},
    )
    Run.objects.filter(pk=waiting.pk).update(status="expired", waits_for="", fetched_at=timezone.now())
    run = Run.objects.select_related("thread", "connection").get(pk=waiting.pk)
    assert not run.has_all_steps
    assert run.steps_checked_at < run.fetched_at
    (audited,) = settle_run(run)
    assert audited.is_open
    Run.objects.filter(pk=waiting.pk).update(steps_checked_at=run.fetched_at)
    assert unclear(Run.objects.select_related("thread", "connection").get(pk=waiting.pk)) == [Result.SETTLED_NOT_DONE]


def test_a_list_of_runs_that_failed_settles_nothing(upstream, thread, assistant, operator):
    upstream.fault("GET /runs$", "500", times=2)
    audited = lost_creation(upstream, thread, operator, kind="reset_after", assistant_id=assistant["id"])
    assert audited.is_open
    (audited,) = [one for one in settle_thread(listed(thread)) if one.intent.action == "create_run"]
    assert audited.result == Result.SETTLED_DONE


def test_a_rerun_whose_answer_is_lost_keeps_where_it_came_from(upstream, waiting, thread, operator):
    upstream.fault("POST /runs$", "reset_after")
    parameters = {"assistant_id": waiting.assistant_id, "temperature": 0.5}
    with pytest.raises(NoAnswer):
        rerun(actor=operator, source=waiting, parameters=parameters, token="once", copy_id=thread.upstream_id)
    assert not Lineage.objects.exists()

    settle_thread(listed(thread))

    lineage = Lineage.objects.get()
    assert lineage.run.thread == thread
    assert (lineage.source, lineage.is_on_copy, lineage.made_by) == (waiting, True, "olga")
    assert "temperature" in lineage.changed


# The worker's part


def stale(run: Run) -> None:
    before = timezone.now() - timedelta(minutes=2)
    Run.objects.filter(pk=run.pk).update(fetched_at=before, checked_at=before)


def test_the_worker_settles_what_a_dead_process_left_behind(upstream, waiting):
    """Killed between sending and hearing: the upstream has cancelled, the trail has an intent alone."""
    upstream.post(f"/threads/{waiting.thread.upstream_id}/runs/{waiting.upstream_id}/cancel")
    intent_left(waiting)
    stale(waiting)

    assert settle_recent() == 1

    assert actions_of_run(waiting.upstream_id)[0].result == Result.SETTLED_DONE
    assert settle_recent() == 0


def test_what_can_never_be_settled_holds_up_nothing(connection, waiting):
    """Writes that no reading can tell of, and those of a thread that was purged."""
    for _ in range(60):
        intent_left(waiting, action="create_thread_and_run", thread_id="", run_id="")
    intent_left(waiting, thread_id="thread_purged", run_id="run_purged")
    PurgedThread.objects.create(connection=connection, upstream_id="thread_purged")
    mine = intent_left(waiting)
    stale(waiting)

    assert settle_recent() == 2

    assert action_of(mine).result == Result.SETTLED_NOT_DONE


def test_a_change_inside_that_was_cut_short_is_undone(waiting):
    """Its outcome comes in the same transaction, so without one nothing was changed."""
    inside = {"action": "bulk_cancel", "thread_id": "", "run_id": "", "connection_slug": ""}
    lately, before = (
        intent_left(waiting, at=timezone.now() - timedelta(minutes=minutes), **inside) for minutes in (1, 3)
    )
    settle_recent()
    assert action_of(lately).is_open  # it may be under way
    assert action_of(before).result == Result.SETTLED_NOT_DONE
