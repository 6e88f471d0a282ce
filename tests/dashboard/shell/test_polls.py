"""What a poll costs that brings nothing, and that it brings whatever its page would show otherwise."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from runsdash.accounts.models import User
from runsdash.actions.models import Lineage
from runsdash.actions.outputs.drafts import save_drafts
from runsdash.audit.trail import record_refusal
from runsdash.index.models import Assistant, Connection, Run
from runsdash.index.snapshots.upsert_messages import upsert_messages
from runsdash.index.snapshots.upsert_runs import upsert_run
from runsdash.index.snapshots.upsert_steps import upsert_steps
from runsdash.service import objects
from tests.dashboard.conftest import LATER
from tests.pages import parsed
from tests.queries import at_most
from tests.renders import renders_at_most
from tests.rows import made_connection, made_run, run_object

pytestmark = pytest.mark.django_db
SESSION_AND_USER = 2


@pytest.fixture
def run(db: None) -> Run:
    """It waits, and its copy is as young as can be."""
    made_run(made_connection(), status="completed", age_s=100)
    run = made_run(Connection.objects.get(), status="requires_action")
    Run.objects.update(checked_at=LATER, steps_checked_at=LATER, steps_walked_at=LATER)
    return run


def path_of(run: Run) -> str:
    return f"/threads/{run.thread.upstream_id}/runs/{run.upstream_id}/"


def poll_of(client: Client, path: str) -> Callable[[], HttpResponse]:
    poll = parsed(client.get(path)).one(id="poll")
    headers = {"HX-Request": "true", "HX-PTag": poll["hx-ptag"]}
    return lambda: client.get(poll["hx-get"], headers=headers)


@pytest.mark.parametrize(("page", "statements"), [("run", 3), ("/runs/", 3)])
def test_a_poll_that_brings_nothing_costs_few_statements_and_renders_nothing(page, statements, run, operator):
    ask = poll_of(operator, path_of(run) if page == "run" else page)
    ask()  # statements are prepared once a process
    with at_most(SESSION_AND_USER + statements), renders_at_most(0):
        assert ask().status_code == 304


def raw(run: Run, **changes: object) -> objects.Run:
    known = run_object(status=run.status)
    own = {"id": run.upstream_id, "thread_id": run.thread.upstream_id, "created_at": int(run.created_at.timestamp())}
    return objects.Run.from_raw(known | own | changes)


def takes_step(run: Run, **changes: object) -> None:
    step = {
        "id": "step_1", "object": "thread.run.step", "run_id": run.upstream_id, "thread_id": run.thread.upstream_id,
        "type": "tool_calls", "status": "in_progress", "created_at": int(run.created_at.timestamp()) + 1,
        "step_details": {"type": "tool_calls", "tool_calls": []}, **changes,
    }  # fmt: skip
    upsert_steps(run, [objects.RunStep.from_raw(step)], fetched_at=timezone.now())


def says(run: Run, text: str) -> None:
    message = {
        "id": "msg_1", "object": "thread.message", "thread_id": run.thread.upstream_id, "run_id": run.upstream_id,
        "role": "assistant", "created_at": int(run.created_at.timestamp()) + 1,
        "content": [{"type": "text", "text": {"value": text, "annotations": []}}],
    }  # fmt: skip
    upsert_messages(run.thread, [objects.Message.from_raw(message)], fetched_at=timezone.now())


def is_noted(run: Run) -> None:
    record_refusal(message="Not now.", action="cancel_run", actor="anna", run_id=run.upstream_id)


def is_made_again(run: Run) -> None:
    again = Run.objects.exclude(pk=run.pk).get()
    Lineage.objects.create(run=again, source=run, is_on_copy=False, made_by="anna")


def gets_a_name(run: Run) -> None:
    Assistant.objects.create(
        connection=run.connection, upstream_id=run.assistant_id, name="Stock bot", fetched_at=timezone.now()
    )


CHANGES = {
    "metadata": lambda run: upsert_run(run.connection, raw(run, metadata={"a": "b"}), fetched_at=timezone.now()),
    "parameters alone": lambda run: upsert_run(run.connection, raw(run, temperature=0.3), fetched_at=timezone.now()),
    "a step": takes_step,
    "a message": lambda run: says(run, "Hello"),
    "an audit entry": is_noted,
    "a re-run": is_made_again,
    "the assistant's name": gets_a_name,
    "trouble": lambda run: Run.objects.filter(pk=run.pk).update(trouble={"kind": "UpstreamFailed", "at": "x"}),
    "the thread is gone": lambda run: type(run.thread).objects.update(is_gone=True),
    "the deadline": lambda run: Run.objects.filter(pk=run.pk).update(expires_at=timezone.now() - timedelta(seconds=1)),
    "another run waits": lambda run: made_run(run.connection, status="requires_action"),
    "the connection is off": lambda run: Connection.objects.update(is_enabled=False),
    "the cost": lambda run: Run.objects.filter(pk=run.pk).update(cost=7.5),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_a_run_page_would_show_otherwise_makes_its_poll_answer(change, run, operator):
    ask = poll_of(operator, path_of(run))
    assert ask().status_code == 304
    CHANGES[change](run)
    assert ask().status_code == 200


def test_a_step_or_message_that_changes_makes_the_poll_answer_and_one_that_does_not_leaves_it(run, operator):
    takes_step(run)
    says(run, "Hello")
    ask = poll_of(operator, path_of(run))
    takes_step(run)
    says(run, "Hello")
    assert ask().status_code == 304
    takes_step(run, status="completed")
    assert ask().status_code == 200
    ask = poll_of(operator, path_of(run))
    says(run, "Hello again")
    assert ask().status_code == 200


def test_what_is_typed_makes_the_poll_answer_once_it_can_no_longer_be_sent(run, operator):
    user = User.objects.get(username="operator")
    ask = poll_of(operator, path_of(run))
    save_drafts(user=user, run=run, texts={"call_0_get_stock": "7"})
    assert ask().status_code == 304, "the form is the reader's own"
    Run.objects.filter(pk=run.pk).update(status="expired", has_all_steps=False)
    operator_page = path_of(run)
    shown = parsed(operator.get(operator_page)).one(id="poll")
    headers = {"HX-Request": "true", "HX-PTag": shown["hx-ptag"]}
    assert operator.get(path_of(run) + "live/?every=2", headers=headers).status_code == 304
    save_drafts(user=user, run=run, texts={"call_0_get_stock": "8"})
    assert operator.get(path_of(run) + "live/?every=2", headers=headers).status_code == 200
