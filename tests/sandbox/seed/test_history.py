"""The seeded past: enough of everything, times that fit together, the same for the same seed."""

import collections
import itertools
import time

import pytest
from pydantic import TypeAdapter

from tests.sandbox.protocol.test_typed import TYPES
from tests.upstream import Sandbox

RUNS = 240


@pytest.fixture(scope="module")
def past():
    with Sandbox("--seed-runs", str(RUNS), fast=False) as server:
        yield server


def every(server, path: str) -> list[dict]:
    found, after = [], ""
    while True:
        page = server.get(f"{path}?limit=100{after}")
        found += page["data"]
        after = f"&after={page['last_id']}"
        if not page["has_more"]:
            return found


@pytest.fixture(scope="module")
def runs(past):
    return [run for thread in every(past, "/threads") for run in every(past, f"/threads/{thread['id']}/runs")]


def is_past(run: dict) -> bool:
    return run["status"] not in ("queued", "in_progress", "requires_action", "cancelling")


def test_counts(past, runs):
    counts = collections.Counter(run["status"] for run in runs)
    assert sum(1 for run in runs if is_past(run)) == RUNS
    assert len(every(past, "/threads")) == RUNS // 12 + 8
    assert counts["completed"] > RUNS * 0.6
    assert min(counts[status] for status in ("failed", "expired", "cancelled", "incomplete")) >= 2
    assert (counts["requires_action"], counts["in_progress"], counts["queued"]) == (5, 2, 1)


def test_waiting_runs_have_minutes_left_and_can_be_answered(past, runs):
    waiting = [run for run in runs if run["status"] == "requires_action"]
    left = sorted(run["expires_at"] - time.time() for run in waiting)
    assert 60 < left[0] < 180
    assert 500 < left[-1] <= 600
    one = next(run for run in waiting if run["required_action"]["type"] == "submit_tool_outputs")
    assert past.answer(one)["status"] == "queued"


def test_what_a_waiting_run_hangs_on_is_no_younger_than_it(past, runs):
    for run in (one for one in runs if not is_past(one)):
        thread = past.get(f"/threads/{run['thread_id']}")
        (question,) = every(past, f"/threads/{thread['id']}/messages")
        assert thread["created_at"] <= question["created_at"] <= run["created_at"]


def test_times_fit_together(past, runs):
    now = time.time()
    for run in filter(is_past, runs):
        ends = [run[name] for name in ("completed_at", "cancelled_at", "failed_at") if run[name]]
        assert now - 31 * 86_400 < run["created_at"] <= run["started_at"] <= now
        assert len(ends) == (1 if run["status"] in ("completed", "cancelled", "failed") else 0)
        assert all(run["started_at"] <= end <= now for end in ends)
        assert run["expires_at"] is None


def test_runs_of_a_thread_do_not_overlap(past, runs):
    by_thread = collections.defaultdict(list)
    for run in filter(is_past, runs):
        by_thread[run["thread_id"]].append(run)
    for group in by_thread.values():
        group.sort(key=lambda run: run["created_at"])
        for earlier, later in itertools.pairwise(group):
            assert (earlier["completed_at"] or earlier["created_at"]) <= later["created_at"]


def test_usage_of_a_run_is_that_of_its_steps(past, runs):
    for run in [one for one in runs if is_past(one)][:40]:
        spent = [step["usage"] for step in past.steps(run) if step["usage"]]
        assert run["usage"]["total_tokens"] == sum(one["total_tokens"] for one in spent)


def test_everything_fits_the_types_of_the_sdk(past, runs):
    adapters = {
        name: TypeAdapter(TYPES[name]) for name in ("RunObject", "ListRunStepsResponse", "ListMessagesResponse")
    }
    for run in runs:
        if (run["required_action"] or {}).get("type") == "submit_tool_approval":
            continue
        adapters["RunObject"].validate_python(run)
    for run in [one for one in runs if is_past(one)][:60]:
        path = f"/threads/{run['thread_id']}"
        adapters["ListRunStepsResponse"].validate_python(past.get(f"{path}/runs/{run['id']}/steps"))
        adapters["ListMessagesResponse"].validate_python(past.get(f"{path}/messages?run_id={run['id']}"))


def test_variety(past, runs):
    assert len({run["model"] for run in runs}) >= 4
    assert len({run["assistant_id"] for run in runs}) >= 5
    steps = [step for run in runs[:80] for step in past.steps(run)]
    calls = [call["type"] for step in steps for call in step["step_details"].get("tool_calls", [])]
    assert {"function", "code_interpreter", "file_search"} <= set(calls)
    images = [
        output["image"]["file_id"]
        for step in steps
        for call in step["step_details"].get("tool_calls", [])
        for output in call.get("code_interpreter", {}).get("outputs", [])
        if output["type"] == "image"
    ]
    assert images
    assert past.get(f"/files/{images[0]}")["purpose"] == "assistants_output"


def test_the_same_seed_gives_the_same_past_and_a_second_start_adds_none(runs):
    with Sandbox("--seed-runs", str(RUNS)) as again:
        threads = every(again, "/threads")
        ids = {run["id"] for one in threads for run in every(again, f"/threads/{one['id']}/runs") if is_past(run)}
        assert ids == {run["id"] for run in runs if is_past(run)}
        again.restart()
        assert len(every(again, "/threads")) == len(threads)


@pytest.mark.clock
def test_a_past_of_four_hundred_runs_is_written_in_a_moment():
    began = time.monotonic()
    with Sandbox("--seed-runs", "400"):
        assert time.monotonic() - began < 5  # less than one on an idle machine
