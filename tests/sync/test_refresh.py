"""Read-through refresh of one run, against a real upstream."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from runsdash.index.models import Message, Run, RunStep
from runsdash.service import NotFound
from runsdash.sync.refresh import refresh_run
from tests.rows import preview_of

pytestmark = pytest.mark.django_db(transaction=True)


def ids(run: dict) -> dict[str, str]:
    return {"thread_id": run["thread_id"], "run_id": run["id"]}


def reread(connection, run: dict) -> Run:
    return refresh_run(connection, **ids(run), max_age_s=0)


def test_first_look_brings_run_steps_and_messages(connection, upstream, start):
    run = start("/code 6*7", until="completed")
    upstream.clear_requests()

    row = refresh_run(connection, **ids(run))

    assert (row.status, row.upstream_id, row.thread.upstream_id) == ("completed", run["id"], run["thread_id"])
    assert row.total_tokens == run["usage"]["total_tokens"]
    assert [step.kind for step in row.steps.order_by("position")] == ["code", "message"]
    assert set(row.thread.messages.values_list("role", flat=True)) == {"user", "assistant"}
    assert len(upstream.requests(path="/threads/")) == 4


def test_a_settled_run_costs_the_upstream_nothing(connection, upstream, start):
    run = start("hello", until="completed")
    refresh_run(connection, **ids(run))
    settled = reread(connection, run)
    assert settled.has_all_steps
    upstream.clear_requests()

    for _ in range(3):
        refresh_run(connection, **ids(run))

    assert upstream.requests() == []


def test_a_live_run_is_followed_to_its_end(connection, upstream, start):
    run = start("/tool get_stock", until="requires_action")
    row = refresh_run(connection, **ids(run))
    assert (row.status, row.waits_for) == ("requires_action", "submit_tool_outputs")
    call = row.pending_calls[0]
    upstream.post(
        f"/threads/{run['thread_id']}/runs/{run['id']}/submit_tool_outputs",
        {"tool_outputs": [{"tool_call_id": call["id"], "output": '{"left": 7}'}]},
    )

    deadline = time.monotonic() + 10
    while not (row.facts.is_terminal and row.has_all_steps) and time.monotonic() < deadline:
        row = reread(connection, run)

    assert row.status == "completed"
    assert row.pending_calls[0]["id"] == call["id"]
    steps = list(row.steps.order_by("position"))
    assert [step.status for step in steps] == ["completed", "completed"]
    assert preview_of(steps[0].body)["calls"][0]["output"]["text"] == '{"left": 7}'
    assert row.statuses_seen.order_by("seen_at").first().status == "requires_action"


def test_an_unknown_run_is_not_found(connection, upstream, start):
    run = start("hello")
    with pytest.raises(NotFound):
        refresh_run(connection, thread_id=run["thread_id"], run_id="run_nowhere")
    assert not Run.objects.filter(upstream_id="run_nowhere").exists()


def test_the_last_copy_stays_when_the_upstream_fails(connection, upstream, start):
    run = start("/tool", until="requires_action")
    refresh_run(connection, **ids(run))
    upstream.fault("GET /runs/", "502", times=None)

    row = reread(connection, run)

    assert row.status == "requires_action"
    assert (row.trouble["status"], row.trouble["kind"]) == (502, "UpstreamFailed")
    assert row.trouble["request_id"]

    upstream.clear_faults()
    assert reread(connection, run).trouble is None


def test_an_error_of_the_steps_alone_is_kept_beside_the_run_and_frees_it(connection, upstream, start):
    run = start("/tool get_stock", until="requires_action")
    refresh_run(connection, **ids(run))
    upstream.fault("GET /steps", "502", times=None)

    row = reread(connection, run)

    assert (row.status, row.trouble["status"]) == ("requires_action", 502)
    assert (row.lease_until, row.lease_token) == (None, "")

    upstream.clear_faults()
    assert reread(connection, run).trouble is None


@pytest.mark.clock
def test_a_slow_upstream_is_not_waited_for_and_its_answer_is_not_lost(connection, upstream, start):
    run = start("/slow 30", until="in_progress")
    first = refresh_run(connection, **ids(run))
    upstream.post(f"/threads/{run['thread_id']}/runs/{run['id']}", {"metadata": {"late": "yes"}})
    upstream.fault("GET /runs/", "delay", times=None, delay_s=0.6)

    began = time.monotonic()
    row = refresh_run(connection, **ids(run), wait_s=0.1, max_age_s=0)
    waited = time.monotonic() - began

    assert waited < 0.5
    assert row.metadata == first.metadata == {}
    deadline = time.monotonic() + 5
    while not row.metadata and time.monotonic() < deadline:
        time.sleep(0.05)
        row.refresh_from_db()
    assert row.metadata == {"late": "yes"}


@pytest.mark.clock
def test_one_reader_at_a_time(connection, upstream, start):
    run = start("/slow 30", until="in_progress")
    refresh_run(connection, **ids(run))
    upstream.fault("GET /runs/", "delay", times=None, delay_s=0.4)
    upstream.clear_requests()

    for _ in range(5):
        refresh_run(connection, **ids(run), wait_s=0.0, max_age_s=0)
    time.sleep(0.6)

    assert len(upstream.requests(path=f"/runs/{run['id']}")) <= 4  # one round: run, steps, newest steps, messages


def test_steps_come_in_pages(connection, upstream):
    made = upstream.seed(steps=250, status="completed")

    row = refresh_run(connection, thread_id=made["thread_id"], run_id=made["run_id"])
    assert (row.step_count, row.has_all_steps) == (100, False)

    run = {"id": made["run_id"], "thread_id": made["thread_id"]}
    counts = [reread(connection, run).step_count for _ in range(3)]

    assert counts[-1] == 250
    assert Run.objects.get(pk=row.pk).has_all_steps
    ordered = list(RunStep.objects.filter(run=row).order_by("position", "id").values_list("upstream_id", flat=True))
    assert ordered == made["step_ids"]


def test_a_server_without_steps_is_remembered(connection, upstream, start):
    run = start("hello", until="completed")
    upstream.quirk(no_steps=True)

    row = refresh_run(connection, **ids(run))

    connection.refresh_from_db()
    assert connection.can_list_steps is False
    assert row.status == "completed"
    assert Message.objects.filter(thread=row.thread).count() == 2


def test_steps_that_only_grew_old_wait_for_the_next_read_of_their_run(connection, upstream):
    run = upstream.seed(status="in_progress", steps=1)
    found = {"thread_id": run["thread_id"], "run_id": run["run_id"]}
    row = refresh_run(connection, **found)
    long_ago = timezone.now() - timedelta(minutes=1)
    Run.objects.filter(pk=row.pk).update(steps_checked_at=long_ago, status_since=long_ago - timedelta(minutes=1))
    upstream.clear_requests()

    refresh_run(connection, **found, live_age_s=60)
    assert not upstream.requests()

    Run.objects.filter(pk=row.pk).update(checked_at=long_ago)
    refresh_run(connection, **found, live_age_s=60)
    assert len(upstream.requests(path=f"/runs/{run['run_id']}")) == 2, "the run, and its steps beside it"


def test_a_page_brings_new_steps_even_when_the_worker_has_just_looked(connection, upstream, start):
    run = start("/tool get_stock", until="requires_action")
    row = refresh_run(connection, **ids(run))
    Run.objects.filter(pk=row.pk).update(steps_checked_at=None)  # as after the worker's look at the run alone
    upstream.clear_requests()

    refresh_run(connection, **ids(run))

    assert upstream.requests(path="/steps")
