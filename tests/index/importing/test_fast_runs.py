"""Checks that runs read against a schema get the same rows as by the tolerant way, or are not read so at all."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.generate import Past
from runsdash.index.importing.block_rows import run_with_steps
from runsdash.index.importing.fast.runs import UsualRun
from runsdash.index.importing.fast.usual_lines import read_usual_line
from runsdash.index.importing.read_line import Context, read_line
from runsdash.index.importing.row_types import RUN_NAMES
from runsdash.index.models import Run
from runsdash.service.statuses import RunStatus
from tests.index.importing.test_fast_steps import (
    AGE,
    CONTEXT,
    ODD,
    SPOKEN,
    USUAL,
    both_lines,
    changed,
    places,
)

CONTEXTS = [CONTEXT, Context(connection_id=7, now=AGE, zone="+00", is_archive=True)]
DONE = {
    "id": "run_1", "object": "thread.run", "created_at": 1_790_000_000, "thread_id": "thread_1", "status": "completed",
    "assistant_id": "asst_1", "model": "gpt-4o", "instructions": '{"answer": "na\u00efve\\n"}',
    "started_at": 1_790_000_002, "expires_at": None, "cancelled_at": None, "failed_at": None,
    "completed_at": 1_790_000_040, "required_action": None,
    "last_error": None, "incomplete_details": None, "metadata": {"env": "production", "a": "1"}, "temperature": 1.0,
    "tools": [{"type": "function", "function": {"name": "get_stock"}}], "tool_resources": {}, "tool_choice": "auto",
    "usage": {
        "prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13, "prompt_token_details": {"cached_tokens": 2},
    },
}  # fmt: skip
FAILED = DONE | {
    "status": "failed", "completed_at": None, "failed_at": 1_789_999_000, "usage": None, "metadata": None,
    "last_error": {"code": "server_error", "message": "It broke."},
}  # fmt: skip
CUT_SHORT = DONE | {"status": "incomplete", "incomplete_details": {"reason": "max_completion_tokens"}}
EXPIRED = DONE | {"status": "expired", "completed_at": None, "expires_at": 1_790_000_600}
ALL = (DONE, FAILED, CUT_SHORT, EXPIRED)


def both_ways(raw: dict, context: Context = CONTEXTS[0]) -> tuple | None:
    """Makes the rows in both ways of what can be read fast, with two steps."""
    found = both_lines(raw, context)
    if found is None:
        return None
    return tuple(run_with_steps(line, steps_of(raw, context), {}, context) for line in found)


def steps_of(raw: dict, context: Context) -> dict:
    steps = [json.dumps(step | {"run_id": raw["id"]}).encode() for step in (USUAL, SPOKEN)]
    return {raw["id"]: [read_line(step, read_at=AGE, context=context) for step in steps]}


def test_a_run_has_all_columns_but_those_of_work_under_way() -> None:
    columns = [field.attname for field in Run._meta.concrete_fields]
    under_way = {"lease_until", "lease_token", "trouble", "steps_doubted_at", "steps_walked_at", "added_at"}
    under_way |= {"steps_changed_at", "reply_digest"}
    assert sorted(RUN_NAMES) == sorted(set(columns) - under_way)


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("raw", ALL)
def test_usual_runs_are_read_fast_and_alike(raw: dict, context: Context) -> None:
    ours, theirs = both_ways(raw, context)
    assert ours == theirs
    assert len(ours.steps) == 2


@pytest.mark.parametrize("status", list(RunStatus))
def test_any_status_with_any_times(status: str) -> None:
    names = ("completed_at", "failed_at", "cancelled_at", "started_at", "expires_at")
    for told in range(2 ** len(names)):
        times = {name: 1_790_000_010 + place if told >> place & 1 else None for place, name in enumerate(names)}
        ours, theirs = both_ways(DONE | times | {"status": str(status)})
        assert ours == theirs


@given(st.data())
def test_what_is_read_fast_after_any_change_has_the_rows_of_the_tolerant_way(data: st.DataObject) -> None:
    raw = data.draw(st.sampled_from(ALL)) | {"metadata": {}}
    path = data.draw(st.sampled_from([*places(raw), ["agent_id"], ["expired_at"], ["metadata", "x"]]))
    found = both_ways(changed(raw, path, data.draw(ODD), leave_out=False))
    if found:
        assert found[0] == found[1]


@given(st.data())
def test_what_is_left_out_does_not_matter(data: st.DataObject) -> None:
    raw = data.draw(st.sampled_from(ALL))
    found = both_ways(changed(raw, data.draw(st.sampled_from(places(raw))), None, leave_out=True))
    if found:
        assert found[0] == found[1]


def test_what_waits_and_what_is_strange_is_not_read_fast() -> None:
    deep: list = []
    for _ in range(101):
        deep = [deep]
    for strange in (
        {"required_action": {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": []}}},
        {"status": "pondering"},
        {"tools": deep},
        {"created_at": "2026-11-20T12:00:00Z"},
        {"model": "gpt\x00"},
        {"usage": {}},
        {"object": "thread.run.step"},
    ):
        assert both_ways(DONE | strange) is None, strange
    told = json.dumps(DONE)[:-1] + ',"_fetched_at":"2026-11-20T11:00:00+00:00","_kept":{"has_all_steps":true}}'
    assert read_usual_line(told.encode(), read_at=AGE, context=CONTEXTS[0]) is None


def test_most_runs_of_a_past_are_read_fast() -> None:
    lines = [
        line.encode() for thread in Past(runs=90, until=int(AGE.timestamp())).threads() for line in thread.splitlines()
    ]
    runs = [line for line in lines if b'"thread.run"' in line]
    read = [read_usual_line(line, read_at=AGE, context=CONTEXTS[0]) for line in runs]
    assert sum(line is not None and isinstance(line.value, UsualRun) for line in read) > 0.9 * len(runs) > 80
