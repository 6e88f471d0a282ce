"""What Foundry's own tools make of a run: servers of tools, searches of its own, and agents that ask others."""

import time

import pytest

from runsdash.sandbox.script.hosted import FIELDS
from runsdash.sandbox.switches.dialects import DIALECTS
from tests.upstream import Sandbox


def calls(upstream: Sandbox, run: dict) -> list[dict]:
    return [call for step in upstream.steps(run) for call in step["step_details"].get("tool_calls", [])]


def test_mcp_lists_the_tools_and_calls_one(upstream):
    run = upstream.wait(upstream.run("/mcp search_records NW-44102"), "completed")
    listed, called, _ = upstream.steps(run)
    assert (listed["type"], listed["status"]) == ("activities", "completed")
    (activity,) = listed["step_details"]["activities"]
    assert (activity["type"], activity["server_label"]) == ("mcp_list_tools", "harbor_registry")
    assert "search_records" in activity["tools"]
    (call,) = called["step_details"]["tool_calls"]
    assert (call["type"], call["name"], call["arguments"]) == ("mcp", "search_records", '{"query":"NW-44102"}')
    assert call["output"]


@pytest.mark.parametrize("type_", FIELDS)
def test_a_hosted_tool_is_given_words_and_answers(upstream, type_):
    (call,) = calls(upstream, upstream.wait(upstream.run(f"/hosted {type_} frozen goods"), "completed"))
    assert call["type"] == type_
    asked, gives = FIELDS[type_][-2:]
    assert "frozen" in call[type_][asked]
    assert call[type_][gives]


@pytest.mark.parametrize(
    ("words", "action"), [("", {"type": "screenshot"}), ("tides near me", {"type": "type", "text": "tides near me"})]
)
def test_a_computer_waits_for_a_screenshot(upstream, words, action):
    run = upstream.wait(upstream.run(f"/computer {words}"), "requires_action")
    (asked,) = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    assert (asked["type"], asked["computer_use_preview"]["action"]) == ("computer_use_preview", action)
    image = {"type": "computer_screenshot", "image_url": "data:image/png;base64,AAAA"}
    output = {"type": "computer_call_output", "tool_call_id": asked["id"], "output": image}
    upstream.post(f"/threads/{run['thread_id']}/runs/{run['id']}/submit_tool_outputs", {"tool_outputs": [output]})
    ended = upstream.wait(run, "completed")
    (call,) = calls(upstream, ended)
    assert call["computer_use_preview"]["output"] == image
    assert "computer_use_preview" in upstream.answer_text(ended)


def test_an_agent_starts_a_run_on_a_thread_of_its_own_and_quotes_its_answer(upstream):
    run = upstream.wait(upstream.run("/agent search"), "completed")
    (call,) = calls(upstream, run)
    agent = call["connected_agent"]
    child = upstream.get(f"/threads/{agent['thread_id']}/runs/{agent['run_id']}")
    assert (child["status"], child["assistant_id"]) == ("completed", agent["agent_id"])
    assert child["thread_id"] != run["thread_id"]
    assert agent["output"] == upstream.answer_text(child)
    assert agent["output"] in upstream.answer_text(run)


def test_an_agent_waits_for_what_its_run_waits_for(upstream):
    run = upstream.run("/agent approval")
    while not (found := calls(upstream, run)):
        pass
    agent = found[0]["connected_agent"]
    child = upstream.wait({"thread_id": agent["thread_id"], "id": agent["run_id"]}, "requires_action")
    assert upstream.get(f"/threads/{run['thread_id']}/runs/{run['id']}")["status"] == "in_progress"
    path = f"/threads/{child['thread_id']}/runs/{child['id']}/submit_tool_outputs"
    (asked,) = child["required_action"]["submit_tool_approval"]["tool_calls"]
    upstream.post(path, {"tool_approvals": [{"tool_call_id": asked["id"], "approve": True}]})
    assert "You approved" in upstream.answer_text(upstream.wait(run, "completed"))


def test_an_agent_that_is_not_there_is_named(upstream):
    assert "no agent nobody" in upstream.answer_text(upstream.wait(upstream.run("/agent nobody"), "completed"))


def test_a_seeded_server_like_foundry_plays_its_own_tools():
    with Sandbox("--dialect", "foundry", "--seed-runs", "24") as server:
        server.clear_quirks()
        server.quirk(**dict.fromkeys(DIALECTS["foundry"], False))
        threads = server.get("/threads?limit=100")["data"]
        runs = [run for one in threads for run in server.get(f"/threads/{one['id']}/runs")["data"]]
        meant = {f"asst_sandbox_{slug}" for slug in ("agents", "registry", "scout")}
        wanted = {"connected_agent", "mcp", "bing_grounding", "azure_ai_search", "openapi"}
        deadline = time.monotonic() + 20  # they work while we look
        while wanted - {call["type"] for run in runs if run["assistant_id"] in meant for call in calls(server, run)}:
            assert time.monotonic() < deadline
