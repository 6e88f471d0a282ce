"""Checks that steps read against a schema get the same rows as by the tolerant way, or are not read so at all."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.generate import Past
from runsdash.index.fulltext.words import joined_words
from runsdash.index.importing.block_rows import object_of
from runsdash.index.importing.fast.steps import UsualStep
from runsdash.index.importing.fast.usual_lines import read_usual_line
from runsdash.index.importing.read_line import BadLine, Context, ImportLine, read_line
from runsdash.index.importing.rows_from_objects import step_rows
from runsdash.index.snapshots.rows import positioned_steps
from runsdash.service.decoding import MAX_JSON_DEPTH
from runsdash.service.objects import RunStep

AGE = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CONTEXT = Context(connection_id=7, now=AGE)
CALLS = [
    {
        "id": "call_1",
        "type": "function",
        "function": {"name": "get_stock", "arguments": '{"a":"\\u0144"}', "output": "3"},
    },
    {"id": "call_2", "type": "function", "function": {"name": "get_stock", "arguments": "", "output": None}},
]
USUAL = {
    "id": "step_1", "object": "thread.run.step", "created_at": 1_790_000_000, "run_id": "run_1",
    "thread_id": "thread_1", "assistant_id": "asst_1", "type": "tool_calls", "status": "completed",
    "cancelled_at": None, "completed_at": 1_790_000_003, "expired_at": None, "failed_at": None, "last_error": None,
    "step_details": {"type": "tool_calls", "tool_calls": CALLS},
    "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}, "metadata": {},
}  # fmt: skip
SPOKEN = USUAL | {
    "type": "message_creation",
    "step_details": {"type": "message_creation", "message_creation": {"message_id": "msg_1"}},
    "usage": None,
}
RESULT = {"file_id": "file-1", "file_name": "manual.pdf", "score": 0.82}
OTHER_TOOLS = USUAL | {
    "step_details": {
        "type": "tool_calls",
        "tool_calls": [
            {
                "id": "call_3",
                "type": "code_interpreter",
                "code_interpreter": {"input": "1 + 1", "outputs": [{"type": "logs", "logs": '"2\\n"'}]},
            },
            {
                "id": "call_4",
                "type": "file_search",
                "file_search": {
                    "ranking_options": {"ranker": "auto", "score_threshold": 0.0},
                    "results": [RESULT | {"content": [{"type": "text", "text": "Page 4"}]}, RESULT],
                },
            },
            *CALLS,
        ],
    }
}
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=300), st.just("x" * 300), st.just({}),
    st.just([]), st.just({"code": "server_error", "message": "broke"}), st.just([{"type": "code_interpreter"}]),
    st.just("\ud800"), st.just("\x00"), st.just(10**20), st.just({"type": "message_creation"}), st.just(CALLS * 30),
)  # fmt: skip


def places(value: object, path: tuple = ()) -> list[tuple]:
    """Paths to all that stands in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in inner for found in ([*path, key], *places(item, (*path, key)))]


def changed(raw: dict, path: list, value: object, *, leave_out: bool) -> dict:
    copy = json.loads(json.dumps(raw))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    if leave_out:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return copy


def both_lines(raw: dict, context: Context = CONTEXT) -> tuple[ImportLine, ImportLine] | None:
    """Reads an object in both ways, if it can be read fast. The lines differ in their value alone."""
    text = json.dumps(raw).encode()
    line = read_usual_line(text, read_at=AGE, context=context)
    if line is None:
        return None
    tolerant = read_line(text, read_at=AGE, context=context)
    assert line._replace(value=None) == tolerant._replace(value=None)
    return line, tolerant


def both_ways(raw: dict) -> tuple | None:
    """Makes the rows in both ways of what can be read fast."""
    found = both_lines(raw)
    if found is None:
        return None
    return tuple(
        comparable(step_rows(object_of(RunStep, line), line, CONTEXT, run_key=5, position=6, fallback=AGE))
        for line in found
    )


def comparable(own) -> tuple:
    return own.row, own.body, own.names, own.calls, joined_words(own.texts)


def test_usual_steps_are_read_fast_and_alike() -> None:
    for raw in (
        USUAL,
        SPOKEN,
        OTHER_TOOLS,
        USUAL | {"completed_at": None, "failed_at": 1_790_000_009, "status": "failed"},
    ):
        ours, theirs = both_ways(raw)
        assert ours == theirs


@given(st.data())
def test_what_is_read_fast_after_any_change_has_the_rows_of_the_tolerant_way(data: st.DataObject) -> None:
    raw = data.draw(st.sampled_from((USUAL, SPOKEN, OTHER_TOOLS)))
    path = data.draw(
        st.sampled_from([*places(raw), ["expires_at"], ["agent_id"], ["message_id"], ["step_details", "x"]])
    )
    raw = changed(raw, path, data.draw(ODD), leave_out=False)
    found = both_ways(raw)
    if found:
        assert found[0] == found[1]


@given(st.data())
def test_what_is_left_out_does_not_matter(data: st.DataObject) -> None:
    raw = data.draw(st.sampled_from((USUAL, SPOKEN, OTHER_TOOLS)))
    found = both_ways(changed(raw, data.draw(st.sampled_from(places(raw))), None, leave_out=True))
    if found:
        assert found[0] == found[1]


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), max_size=12), st.sampled_from([0, 1, 400_000]))
def test_usual_steps_have_the_places_of_the_tolerant_way(times: list[tuple[int, bool]], microsecond: int) -> None:
    raws = [
        (SPOKEN if is_message else USUAL) | {"id": f"step_{number}", "created_at": USUAL["created_at"] + after}
        for number, (after, is_message) in enumerate(times)
    ]
    lines = [read_usual_line(json.dumps(raw).encode(), read_at=AGE, context=CONTEXT) for raw in raws]
    began = datetime.fromtimestamp(USUAL["created_at"], UTC).replace(microsecond=microsecond)
    theirs = positioned_steps([RunStep.from_raw(raw) for raw in raws], run_created_at=began)
    ours = positioned_steps([line.value for line in lines], run_created_at=began)
    assert [(one.id, at) for one, at in ours] == [(one.id, at) for one, at in theirs]


def test_errors_other_tools_and_strange_texts_are_not_read_fast() -> None:
    drawn = {"input": "plot()", "outputs": [{"type": "image", "image": {"file_id": "file-1"}}]}
    image = {"id": "call_3", "type": "code_interpreter", "code_interpreter": drawn}
    for strange in (
        {"last_error": {"code": "server_error", "message": "It broke."}},
        {"step_details": {"type": "tool_calls", "tool_calls": [image]}},
        {"status": "completed\x00"},
        {"created_at": 0},
        {"object": "thread.run"},
    ):
        assert both_ways(USUAL | strange) is None


def test_what_is_nested_deeper_than_the_service_reads_is_not_read_fast() -> None:
    deep: object = {}
    for _ in range(MAX_JSON_DEPTH):
        deep = {"inner": deep}
    raw = USUAL | {"usage": USUAL["usage"] | {"prompt_token_details": deep}}
    assert read_usual_line(json.dumps(raw).encode(), read_at=AGE, context=CONTEXT) is None
    with pytest.raises(BadLine, match="nested too deeply"):
        read_line(json.dumps(raw).encode(), read_at=AGE, context=CONTEXT)


def test_most_steps_of_a_past_are_read_fast() -> None:
    lines = [
        line.encode() for thread in Past(runs=50, until=int(AGE.timestamp())).threads() for line in thread.splitlines()
    ]
    steps = [line for line in lines if b'"thread.run.step"' in line]
    read = [read_usual_line(line, read_at=AGE, context=CONTEXT) for line in steps]
    assert sum(line is not None and isinstance(line.value, UsualStep) for line in read) > 0.97 * len(steps) > 100
