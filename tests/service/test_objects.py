"""Objects from what each known server sends: the reference shapes and the deviations met in the wild."""

from datetime import UTC, datetime

import pytest

from runsdash.service.objects import (
    Assistant,
    Message,
    Page,
    Run,
    RunStep,
    Thread,
    ToolCall,
    Usage,
    sorted_steps,
)
from runsdash.service.objects.parsing import moment
from runsdash.service.stream_events import Delta

FIRST = 1_795_000_000
FIRST_MOMENT = datetime.fromtimestamp(FIRST, UTC)


def call(**fields):
    return ToolCall.from_raw(fields)


def waiting(**fields):
    function = {"name": "get_stock", "arguments": '{"sku":"B-12"}'}
    calls = [{"id": "call_1", "type": "function", "function": function}]
    action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": calls}}
    return Run.from_raw({"id": "run_1", "status": "requires_action", "required_action": action, **fields})


def test_a_run_keeps_its_json_and_reads_every_field():
    raw = {
        "id": "run_1",
        "thread_id": "thread_1",
        "assistant_id": "asst_1",
        "status": "completed",
        "created_at": FIRST,
        "started_at": FIRST + 2,
        "completed_at": FIRST + 12,
        "model": "gpt-4o",
        "instructions": "Be brief.",
        "tools": [{"type": "code_interpreter"}],
        "metadata": {"ticket": "4711"},
        "usage": {"prompt_tokens": 820, "completion_tokens": 70, "total_tokens": 890},
        "temperature": 1,
        "top_p": 0.5,
        "max_completion_tokens": 2000,
        "truncation_strategy": {"type": "auto"},
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "response_format": {"type": "json_object"},
    }
    run = Run.from_raw(raw)
    assert run.raw is raw
    assert (run.id, run.thread_id, run.assistant_id, run.model) == ("run_1", "thread_1", "asst_1", "gpt-4o")
    assert (run.created_at, run.queue_s, run.duration_s) == (FIRST_MOMENT, 2.0, 10.0)
    assert run.ended_at == run.completed_at
    assert run.usage.total_tokens == 890
    assert run.metadata == {"ticket": "4711"}
    assert (run.temperature, run.top_p, run.max_completion_tokens) == (1.0, 0.5, 2000)
    assert (run.tool_choice, run.response_format) == ("auto", {"type": "json_object"})
    assert run.parallel_tool_calls is True
    assert run.is_terminal
    assert not run.pending_calls


def test_a_waiting_run_shows_its_pending_calls():
    run = waiting()
    assert [(call.id, call.name, call.arguments) for call in run.pending_calls] == [
        ("call_1", "get_stock", '{"sku":"B-12"}')
    ]
    assert run.can_be_cancelled
    assert not run.required_action.is_approval


def test_calls_left_over_in_a_run_that_goes_on_are_not_pending():
    assert waiting(status="queued").pending_calls == []
    assert waiting(status="completed").pending_calls == []
    assert len(waiting(status="requires_approval").pending_calls) == 1


def test_an_approval_is_a_required_action_too():
    calls = [{"id": "call_m1", "type": "mcp", "name": "search", "arguments": "{}", "server_label": "github"}]
    action = {"submit_tool_approval": {"tool_calls": calls}}
    run = Run.from_raw({"id": "run_1", "status": "requires_action", "required_action": action})
    assert run.required_action.is_approval
    assert (run.pending_calls[0].name, run.pending_calls[0].server_label) == ("search", "github")


@pytest.mark.parametrize("nothing", [{}, None, [], "none", 0])
def test_empty_objects_are_none(nothing):
    run = Run.from_raw({"id": "r", "status": "requires_action", "required_action": nothing, "usage": nothing})
    assert run.required_action is None
    assert run.usage is None
    assert run.pending_calls == []


@pytest.mark.parametrize(
    "value",
    [FIRST, float(FIRST), str(FIRST), f"{FIRST}.0", FIRST * 1000, FIRST * 1_000_000, FIRST_MOMENT.isoformat()],
)
def test_times_come_in_many_units(value):
    assert moment(value) == FIRST_MOMENT


def test_iso_times_get_a_zone():
    assert moment("2026-11-18T12:00:00Z") == datetime(2026, 11, 18, 12, tzinfo=UTC)
    assert moment("2026-11-18T12:00:00") == datetime(2026, 11, 18, 12, tzinfo=UTC)
    assert moment("2026-11-18T12:00:00+02:00").utcoffset().total_seconds() == 0


@pytest.mark.parametrize(
    "value", [None, True, 0, -5, "soon", "", "nan", 1e300, float("inf"), 10**400, [], {}, "0001-01-01T00:00:00+14:00"]
)
def test_times_that_are_none(value):
    assert moment(value) is None


def test_an_end_is_known_only_when_the_run_has_ended():
    cancelling = Run.from_raw({"id": "r", "status": "cancelling", "cancelled_at": FIRST})
    assert cancelling.ended_at is None
    expired = Run.from_raw({"id": "r", "status": "expired", "created_at": FIRST, "expires_at": FIRST + 600})
    assert expired.duration_s == 600
    failed = Run.from_raw({"id": "r", "status": "failed", "failed_at": FIRST, "completed_at": FIRST + 9})
    assert failed.ended_at == FIRST_MOMENT


def test_clocks_that_run_backwards_give_zero():
    run = Run.from_raw({"id": "r", "created_at": FIRST, "started_at": FIRST - 1})
    assert run.queue_s == 0.0


def test_an_agent_id_is_an_assistant_id():
    assert Run.from_raw({"id": "r", "agent_id": "asst_1"}).assistant_id == "asst_1"


def test_incomplete_details_may_be_a_word():
    assert Run.from_raw({"incomplete_details": "max_tokens"}).incomplete_reason == "max_tokens"
    assert Run.from_raw({"incomplete_details": {"reason": "max_prompt_tokens"}}).incomplete_reason == (
        "max_prompt_tokens"
    )


def test_usage_in_other_words():
    usage = Usage.from_raw({"input_tokens": 3, "output_tokens": 4, "prompt_token_details": {"cached_tokens": 2}})
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens, usage.cached_tokens) == (3, 4, 7, 2)
    assert Usage.from_raw({"total_tokens": -1}) is None
    assert Usage.from_raw({"prompt_tokens": 2**70, "total_tokens": 5}).prompt_tokens is None


def test_metadata_values_become_strings():
    assert Thread.from_raw({"id": "t", "metadata": {"a": 1, "b": "x", "c": None, "d": ["y"]}}).metadata == {
        "a": "1",
        "b": "x",
        "d": '["y"]',
    }


def test_tool_calls_of_the_reference():
    function = call(id="c1", type="function", function={"name": "f", "arguments": "{", "output": None})
    assert (function.name, function.arguments, function.output, function.kind) == ("f", "{", None, "function")
    outputs = [{"type": "logs", "logs": "21\n"}, {"type": "image", "image": {"file_id": "file-1"}}, 7]
    code = call(id="c2", type="code_interpreter", code_interpreter={"input": "print(7*3)", "outputs": outputs})
    assert (code.code_input, code.logs, code.image_file_ids, code.kind) == (
        "print(7*3)",
        ["21\n"],
        ["file-1"],
        "code",
    )
    hit = {"file_id": "file-2", "file_name": "stock.md", "score": 0.8, "content": [{"type": "text", "text": "7"}]}
    search = call(id="c3", type="file_search", file_search={"results": [hit]})
    assert (search.kind, search.results[0].file_name, search.results[0].content) == ("search", "stock.md", "7")


def test_tool_calls_of_other_servers():
    flat = call(name="f", arguments={"a": 1}, result={"b": 2})
    assert (flat.type, flat.name, flat.arguments, flat.output) == ("function", "f", '{"a": 1}', '{"b": 2}')
    untyped = call(id="c", file_search={"results": []})
    assert (untyped.type, untyped.kind) == ("file_search", "search")
    child = call(type="connected_agent", connected_agent={"name": "stocks", "run_id": "run_2", "thread_id": "t2"})
    assert (child.name, child.child_run_id, child.child_thread_id) == ("stocks", "run_2", "t2")
    grounding = call(id="c", type="bing_grounding", bing_grounding={"requesturl": "…"})
    assert (grounding.kind, grounding.name) == ("search", "bing_grounding")
    unknown = call(id="c", type="teleport", teleport={"to": "moon"})
    assert (unknown.kind, unknown.name, unknown.raw["teleport"]) == ("other", "teleport", {"to": "moon"})
    assert call(type="retrieval", retrieval={}).kind == "search"


def test_a_step_of_each_type():
    message = RunStep.from_raw({"id": "s", "step_details": {"message_creation": {"message_id": "msg_1"}}})
    assert (message.type, message.kind, message.message_id) == ("message_creation", "message", "msg_1")
    tools = RunStep.from_raw({"id": "s", "step_details": {"tool_calls": [{"id": "c", "function": {"name": "f"}}]}})
    assert (tools.type, tools.kind, tools.tool_calls[0].name) == ("tool_calls", "function", "f")
    listing = [{"type": "mcp_list_tools", "id": "a", "server_label": "github", "tools": {}}]
    activities = RunStep.from_raw({"id": "s", "step_details": {"type": "activities", "activities": listing}})
    assert activities.tool_calls[0].server_label == "github"
    payload = {"mcp_server": "github", "request_payload": {"q": 1}, "response_payload": "7"}
    mcp = RunStep.from_raw({"id": "s", "type": "mcp_call", "step_details": {"mcp_call": payload}})
    assert (mcp.tool_calls[0].arguments, mcp.tool_calls[0].output) == ('{"q": 1}', "7")
    assert mcp.tool_calls[0].server_label == "github"


def test_a_step_without_status_is_told_by_its_times():
    assert RunStep.from_raw({"id": "s", "completed_at": FIRST}).status == "completed"
    assert RunStep.from_raw({"id": "s", "failed_at": FIRST}).status == "failed"
    assert RunStep.from_raw({"id": "s"}).status == "in_progress"


def test_steps_are_sorted_by_time_then_tools_then_as_given():
    def step(id, second, type):
        return RunStep.from_raw({"id": id, "created_at": second and FIRST + second, "type": type})

    given = [
        step("undated", None, "tool_calls"),
        step("late", 9, "tool_calls"),
        step("message", 5, "message_creation"),
        step("tool-a", 5, "tool_calls"),
        step("tool-b", 5, "tool_calls"),
    ]
    assert [found.id for found in sorted_steps(given)] == ["tool-a", "tool-b", "message", "late", "undated"]


def test_a_message_of_every_part():
    mark = {
        "type": "file_citation",
        "text": "【1】",
        "start_index": 2,
        "end_index": 5,
        "file_citation": {"file_id": "f"},
    }
    link = {"type": "url_citation", "url_citation": {"url": "https://example.org", "title": "T"}}
    message = Message.from_raw(
        {
            "id": "m",
            "role": "assistant",
            "run_id": "run_1",
            "content": [
                {"type": "text", "text": {"value": "7 left", "annotations": [mark, link]}},
                {"type": "image_file", "image_file": {"file_id": "file-1"}},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
                {"type": "refusal", "refusal": "No."},
                {"type": "text", "text": "plain"},
                "bare",
            ],
        }
    )
    text, image, picture, refusal, plain, bare = message.content
    assert message.text == "7 left\n\nplain\n\nbare"
    assert text.annotations[0].file_id == "f"
    assert text.annotations[1].url == "https://example.org"
    assert (image.image_file_id, picture.image_url, refusal.refusal) == (
        "file-1",
        "https://example.org/a.png",
        "No.",
    )
    assert (plain.text, bare.text) == ("plain", "bare")
    assert Message.from_raw({"id": "m", "content": "just text"}).text == "just text"


def test_an_assistant():
    assistant = Assistant.from_raw({"id": "a", "name": "Bot", "tools": [{"type": "function"}, 3], "top_p": "x"})
    assert (assistant.name, assistant.tools, assistant.top_p) == ("Bot", [{"type": "function"}], None)


def page(raw, **options):
    return Page.from_raw(raw, item_from_raw=Run.from_raw, **options)


def test_a_page_reads_envelopes_and_bare_arrays():
    runs = [{"id": "r2"}, {"id": "r1"}]
    whole = page({"object": "list", "data": runs, "has_more": True, "first_id": None, "last_id": "nonsense"})
    assert ([run.id for run in whole], whole.has_more, whole.first_id, whole.last_id) == (
        ["r2", "r1"],
        True,
        "r2",
        "r1",
    )
    assert len(page(runs)) == 2
    assert page({"data": None}).data == []


def test_without_has_more_or_with_a_full_page_there_may_be_more():
    runs = [{"id": "r2"}, {"id": "r1"}]
    assert page({"data": runs}, limit=3).has_more
    assert not page({"data": []}, limit=3).has_more
    assert not page({"data": runs, "has_more": False}, limit=3).has_more
    assert page({"data": runs, "has_more": False}, limit=2).has_more
    assert page({"data": runs, "has_more": "yes"}, limit=2).has_more


def test_items_that_are_no_objects_or_have_no_id_are_left_out():
    assert [run.id for run in page([None, 3, {"id": "r"}, {}, {"id": 7}, []])] == ["r"]


def test_the_cursor_counts_items_left_out():
    raw = {"data": [{"id": "mine", "thread_id": "t"}, {"id": "other", "thread_id": "u"}]}
    kept = page(raw, keep=lambda run: run.thread_id == "t")
    assert ([run.id for run in kept], kept.last_id) == (["mine"], "other")


@pytest.mark.parametrize(
    "content",
    [
        "seven left",
        ["seven left"],
        [{"type": "text", "text": "seven left"}],
        [{"type": "text", "text": {"value": "seven left", "annotations": []}}],
        [{"type": "text", "text": [{"value": "seven left", "annotations": []}]}],
        [{"type": "text", "text": ["seven", {"value": " left"}]}],
        {"type": "text", "text": {"value": "seven left"}},
        {"value": "seven left"},
        [{"value": "seven left"}],
        [{"type": "text", "value": "seven left"}],
    ],
)
def test_message_text_in_every_shape(content):
    message = Message.from_raw({"id": "msg_1", "role": "assistant", "content": content})
    assert message.text == "seven left"
    assert [part.type for part in message.content] == ["text"]


def test_marks_in_a_list_of_texts_count_from_its_start():
    mark = {"type": "file_path", "text": "x", "start_index": 1, "end_index": 2, "file_path": {"file_id": "file-1"}}
    texts = [{"value": "abc", "annotations": [mark]}, {"value": "def", "annotations": [mark, {"type": "other"}]}]
    (part,) = Message.from_raw({"id": "msg_1", "content": [{"type": "text", "text": texts}]}).content
    assert part.text == "abcdef"
    assert [(one.start_index, one.end_index) for one in part.annotations] == [(1, 2), (4, 5), (None, None)]


def test_a_delta_and_a_search_result_read_text_as_messages_do():
    for text in ("left", {"value": "left"}, [{"value": "left"}]):
        assert Delta.from_raw({"delta": {"content": [{"index": 0, "text": text}]}}).text == "left"
        (result,) = call(type="file_search", file_search={"results": [{"content": [{"text": text}]}]}).results
        assert result.content == "left"


@pytest.mark.parametrize("kind", [Assistant, Message, Run, RunStep, Thread])
def test_metadata_under_the_name_of_a_column(kind):
    assert kind.from_raw({"id": "x", "metadata_": {"ticket": "4711"}}).metadata == {"ticket": "4711"}
    assert kind.from_raw({"id": "x", "metadata": {}, "metadata_": {"ticket": "4711"}}).metadata == {}
