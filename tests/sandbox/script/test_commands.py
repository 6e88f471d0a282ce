"""What each scripted command makes of a run, and how commands are read."""

import time

import pytest

from runsdash.sandbox.script import arguments, arithmetic, command_words, documents, plot, prose


def kinds(upstream, run: dict) -> list[str]:
    """The type of each step, tool steps by their call."""
    found = []
    for step in upstream.steps(run):
        calls = step["step_details"].get("tool_calls")
        found.append(calls[0]["type"] if calls else "message")
    return found


def pending(run: dict) -> list[str]:
    return [call["function"]["name"] for call in run["required_action"]["submit_tool_outputs"]["tool_calls"]]


def test_tool_calls_the_first_or_the_named_function(upstream):
    assert pending(upstream.wait(upstream.run("/tool"))) == ["find_shipment"]
    assert pending(upstream.wait(upstream.run("/tool pay_claim now"))) == ["pay_claim"]


def test_tools_calls_all_at_once_in_one_step(upstream):
    run = upstream.wait(upstream.run("/tools"))
    assert pending(run) == ["find_shipment", "read_logger", "reroute_shipment", "pay_claim"]
    (step,) = upstream.steps(run)
    assert [call["function"]["output"] for call in step["step_details"]["tool_calls"]] == [None] * 4
    upstream.answer(run, "seen at the gate")
    assert upstream.answer_text(upstream.wait(run, "completed")).count("seen at the gate") == 4


def test_tools_one_by_one_without_parallel_calls(upstream):
    run = upstream.wait(
        upstream.run("/tools", assistant_id="asst_sandbox_parallel", parallel_tool_calls=False),
    )
    assert pending(run) == ["find_shipment"]
    upstream.answer(run)
    run = upstream.wait(run, "requires_action")
    assert pending(run) == ["read_logger"]
    upstream.answer(run)
    assert kinds(upstream, upstream.wait(run, "completed")) == ["function", "function", "message"]


def test_a_question_calls_the_closest_tool_first(upstream):
    assert pending(upstream.wait(upstream.run("What did the logger of the cold box record?"))) == ["read_logger"]
    assert upstream.wait(upstream.run("Good morning."))["status"] == "completed"
    assert upstream.wait(upstream.run("Where?", tool_choice="none"))["status"] == "completed"
    forced = {"type": "function", "function": {"name": "pay_claim"}}
    assert pending(upstream.wait(upstream.run("Hello.", tool_choice=forced))) == ["pay_claim"]


@pytest.mark.parametrize(("approve", "words"), [(True, "You approved"), (False, "You declined")])
def test_approve_asks_and_takes_approvals(upstream, approve, words):
    run = upstream.wait(upstream.run("/approve open_gate"))
    (call,) = run["required_action"]["submit_tool_approval"]["tool_calls"]
    assert (call["type"], call["name"], set(call)) == (
        "mcp",
        "open_gate",
        {"id", "type", "name", "arguments", "server_label"},
    )
    path = f"/threads/{run['thread_id']}/runs/{run['id']}/submit_tool_outputs"
    assert upstream.refusal("POST", path, {"tool_outputs": []})[1]["param"] == "tool_approvals"
    upstream.post(path, {"tool_approvals": [{"tool_call_id": call["id"], "approve": approve}]})
    assert words in upstream.answer_text(upstream.wait(run, "completed"))


def test_code_is_really_evaluated(upstream):
    run = upstream.wait(upstream.run("/code (2+3)*4 /code 1/0"))
    good, bad, _ = upstream.steps(run)
    (call,) = good["step_details"]["tool_calls"]
    assert call["code_interpreter"] == {"input": "print((2+3)*4)", "outputs": [{"type": "logs", "logs": "20\n"}]}
    assert "ZeroDivisionError" in bad["step_details"]["tool_calls"][0]["code_interpreter"]["outputs"][0]["logs"]
    assert "**20**" in upstream.answer_text(run)


def test_search_ranks_and_hides_text_unless_asked(upstream):
    run = upstream.wait(upstream.run("/search box quarantine after an excursion"))
    path = f"/threads/{run['thread_id']}/runs/{run['id']}/steps"
    (bare,) = upstream.steps(run)[0]["step_details"]["tool_calls"]
    results = bare["file_search"]["results"]
    assert results[0]["file_name"] == "cold-chain.md"
    assert [one["score"] for one in results] == sorted((one["score"] for one in results), reverse=True)
    assert all("content" not in one and 0 < one["score"] <= 1 for one in results)
    include = "?order=asc&include[]=step_details.tool_calls[*].file_search.results[*].content"
    (full,) = upstream.get(path + include)["data"][0]["step_details"]["tool_calls"]
    assert "quarantined" in full["file_search"]["results"][0]["content"][0]["text"]


@pytest.mark.clock
def test_slow_keeps_its_seconds_even_when_fast(upstream):
    began = time.monotonic()
    upstream.wait(upstream.run("/slow 0.6"))
    assert 0.6 <= time.monotonic() - began < 3


@pytest.mark.parametrize("code", ["rate_limit_exceeded", "server_error", "invalid_prompt", "quota_spent"])
def test_fail_ends_with_its_code(upstream, code):
    run = upstream.wait(upstream.run(f"/code 1+1 /fail {code}"))
    assert (run["status"], run["last_error"]["code"]) == ("failed", code)
    assert run["failed_at"]
    assert upstream.steps(run)[0]["status"] == "completed"


def test_incomplete_cuts_its_message(upstream):
    run = upstream.wait(upstream.run("/incomplete"))
    assert run["incomplete_details"] == {"reason": "max_completion_tokens"}
    (message,) = upstream.get(f"/threads/{run['thread_id']}/messages?run_id={run['id']}")["data"]
    assert message["incomplete_details"] == {"reason": "max_tokens"}


def test_several_commands_run_in_order_one_step_each(upstream):
    run = upstream.wait(upstream.run("/code 6*7 /search refunds\nthen /tool pay_claim please /plot 1 2"))
    assert run["status"] == "requires_action"
    upstream.answer(run, "paid")
    run = upstream.wait(run, "completed")
    wanted = ["code_interpreter", "file_search", "function", "code_interpreter", "message"]
    assert kinds(upstream, run) == wanted
    text = upstream.answer_text(run)
    assert text.index("**42**") < text.index("refunds") < text.index("paid") < text.index("chart")


def test_long_has_exactly_its_words(upstream):
    run = upstream.wait(upstream.run("/long 137"))
    assert len(upstream.answer_text(run).split()) == 137
    assert kinds(upstream, run) == ["message"]


def test_json_is_answered_where_json_is_wanted(upstream):
    run = upstream.wait(upstream.run("hello", response_format={"type": "json_object"}))
    assert upstream.answer_text(run).startswith('{"answer":')


@pytest.mark.parametrize(
    ("slug", "status"),
    [
        ("parallel", "requires_action"),
        ("claims", "requires_action"),
        ("approval", "requires_action"),
        ("code", "completed"),
        ("search", "completed"),
        ("long", "completed"),
        ("limited", "failed"),
        ("broken", "failed"),
        ("brief", "incomplete"),
    ],
)
def test_built_in_assistants_act_without_a_command(upstream, slug, status):
    run = upstream.run("Good evening.", assistant_id=f"asst_sandbox_{slug}")
    assert upstream.wait(run)["status"] == status
    assert "Scripted, no model." in upstream.get(f"/assistants/asst_sandbox_{slug}")["description"]


# Parts, without a server


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("no command here", []),
        ("a/tool b", []),
        ("/tools", [("tools", "")]),
        ("/toolsmith", []),
        ("go /code 1+1 /slow 3 now", [("code", "1+1"), ("slow", "3 now")]),
        ("/search cold box\nthanks", [("search", "cold box")]),
    ],
)
def test_commands_are_read(text, wanted):
    assert [(one.name, one.rest) for one in command_words.read(text)] == wanted


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        ("1 + 2 * 3", "7"),
        ("10 / 4", "2.5"),
        ("sqrt(2)**2 > 1.9", "True"),
        ("mean([1, 2, 6])", "3"),
        ("9**9**9", "OverflowError: exponent above 512"),
        ("__import__('os')", "ValueError: the sandbox evaluates arithmetic only"),
        ("'a' * 9", "ValueError: the sandbox evaluates arithmetic only"),
        ("1 +", "SyntaxError: invalid syntax"),
        ("(-8) ** 0.5", "ValueError: complex numbers are not supported"),
    ],
)
def test_arithmetic(expression, printed):
    assert arithmetic.run(expression) == printed


def test_arguments_follow_the_schema():
    schema = {
        "type": "object",
        "properties": {
            "order_id": {"type": "string"},
            "count": {"type": "integer", "minimum": 1, "maximum": 9},
            "kind": {"enum": ["road", "sea"]},
            "day": {"type": "string", "format": "date"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "deep": {"type": "object", "properties": {"on": {"type": ["boolean", "null"]}}},
        },
    }
    made = arguments.make(schema, text="send 40 of NW-77121 by sea")
    assert made["order_id"] == "NW-77121"
    assert (made["count"], made["kind"], made["deep"]) == (9, "sea", {"on": True})
    assert (made["day"], made["tags"]) == ("2026-01-15", ["sample tags"])
    assert arguments.make(None, text="") == {}


def test_search_finds_nothing_for_unknown_words():
    assert documents.search("xylophone") == []
    assert documents.search("") == []
    assert len(documents.search("days", limit=2)) == 2
    assert all(one["score"] >= 0.3 for one in documents.search("ferry lithium", score_threshold=0.3))


def test_a_chart_is_a_png_of_its_size():
    image = plot.bars([1, 2, -3])
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(image[16:20]), int.from_bytes(image[20:24])) == (plot.WIDTH, plot.HEIGHT)


def test_long_text_counts_its_words():
    assert len(prose.long_text(61).split()) == 61
