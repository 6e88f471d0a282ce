"""The state machine of runs and the exact refusals of the protocol."""

import time
import urllib.error
from concurrent.futures import ThreadPoolExecutor

import pytest

TERMINAL = ["completed", "failed", "incomplete", "expired", "cancelled"]


def path_of(run: dict) -> str:
    return f"/threads/{run['thread_id']}/runs/{run['id']}"


def test_a_new_run_is_queued_and_expires_in_ten_minutes(upstream):
    run = upstream.run("hello", metadata={"ticket": "7"})
    assert (run["status"], run["usage"], run["started_at"]) == ("queued", None, None)
    assert run["expires_at"] - run["created_at"] == 600
    assert run["metadata"] == {"ticket": "7"}


def test_a_completed_run_has_usage_and_no_expiry(upstream):
    run = upstream.wait(upstream.run("/code 1+1"))
    assert (run["status"], run["expires_at"]) == ("completed", None)
    steps = upstream.steps(run)
    assert [step["type"] for step in steps] == ["tool_calls", "message_creation"]
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        assert run["usage"][name] == sum(step["usage"][name] for step in steps)


def test_usage_is_counted_from_the_text(upstream):
    short = upstream.wait(upstream.run("/long 10"))["usage"]["completion_tokens"]
    long = upstream.wait(upstream.run("/long 100"))["usage"]["completion_tokens"]
    text = upstream.answer_text(upstream.wait(upstream.run("/long 100")))
    assert long == -(-len(text) // 4)
    assert long > 8 * short


def test_the_thread_is_locked_while_a_run_is_active(upstream):
    run = upstream.run("/slow 30")
    thread = run["thread_id"]
    busy = upstream.refusal("POST", f"/threads/{thread}/runs", {"assistant_id": "asst_sandbox_code"})
    assert busy[0] == 400
    assert busy[1]["message"] == f"Thread {thread} already has an active run {run['id']}."
    body = {"role": "user", "content": "more"}
    locked = upstream.refusal("POST", f"/threads/{thread}/messages", body)
    assert locked[1]["message"] == f"Can't add messages to {thread} while a run {run['id']} is active."
    upstream.post(path_of(run) + "/cancel")
    upstream.wait(run, "cancelled")
    assert upstream.post(f"/threads/{thread}/messages", body)["role"] == "user"


def test_of_many_runs_created_at_once_one_wins(upstream):
    thread = upstream.post("/threads", {"messages": [{"role": "user", "content": "/slow 30"}]})["id"]

    def create(_: int) -> bool:
        try:
            return bool(upstream.post(f"/threads/{thread}/runs", {"assistant_id": "asst_sandbox_dispatch"}))
        except urllib.error.HTTPError as refused:
            refused.close()
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(create, range(8))) == [False] * 7 + [True]
    assert len(upstream.get(f"/threads/{thread}/runs")["data"]) == 1


def test_submit_needs_every_call(upstream):
    run = upstream.wait(upstream.run("hi", assistant_id="asst_sandbox_parallel"))
    first, second = (call["id"] for call in run["required_action"]["submit_tool_outputs"]["tool_calls"])
    path = path_of(run) + "/submit_tool_outputs"
    part = {"tool_outputs": [{"tool_call_id": first, "output": "1"}]}
    message = upstream.refusal("POST", path, part)[1]["message"]
    assert message == f"Expected tool outputs for call_ids ['{first}', '{second}'], got ['{first}']"
    assert upstream.wait(run, "requires_action")["required_action"] == run["required_action"]
    assert upstream.answer(run)["status"] == "queued"


def test_submit_takes_only_strings_below_512_kb(upstream):
    run = upstream.wait(upstream.run("hi", assistant_id="asst_sandbox_claims"))
    (call,) = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    path = path_of(run) + "/submit_tool_outputs"
    odd = {"tool_outputs": [{"tool_call_id": call["id"], "output": {"a": 1}}]}
    assert "body -> tool_outputs -> 0 -> output: str type expected" in upstream.refusal("POST", path, odd)[1]["message"]
    large = {"tool_outputs": [{"tool_call_id": call["id"], "output": "x" * 512 * 1024}]}
    assert upstream.refusal("POST", path, large) == (
        400,
        {
            "message": "'tool_outputs' too large: the combined tool outputs must be less than 512kb.",
            "type": "invalid_request_error",
            "param": "tool_outputs",
            "code": "invalid_value",
        },
    )
    fits = {"tool_outputs": [{"tool_call_id": call["id"], "output": "x" * (512 * 1024 - 1)}]}
    upstream.post(path, fits)
    assert "524,287 characters" in upstream.answer_text(upstream.wait(run, "completed"))


@pytest.mark.parametrize("status", [*TERMINAL, "queued", "in_progress", "cancelling"])
def test_submit_in_any_other_state_is_refused(upstream, status):
    run = upstream.seed(status=status)
    path = f"/threads/{run['thread_id']}/runs/{run['run_id']}/submit_tool_outputs"
    body = {"tool_outputs": [{"tool_call_id": "call_x", "output": ""}]}
    message = upstream.refusal("POST", path, body)[1]["message"]
    assert message == f'Runs in status "{status}" do not accept tool outputs.'


@pytest.mark.parametrize("status", [*TERMINAL, "cancelling"])
def test_cancel_of_an_ended_run_is_refused(upstream, status):
    run = upstream.seed(status=status)
    refusal = upstream.refusal("POST", f"/threads/{run['thread_id']}/runs/{run['run_id']}/cancel")
    assert refusal == (
        400,
        {
            "message": f"Cannot cancel run with status '{status}'.",
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        },
    )


@pytest.mark.parametrize("status", ["queued", "in_progress", "requires_action"])
def test_cancel_of_an_active_run(upstream, status):
    made = upstream.seed(status=status)
    run = {"id": made["run_id"], "thread_id": made["thread_id"]}
    reply = upstream.post(path_of(run) + "/cancel")
    assert (reply["status"], reply["cancelled_at"], reply["required_action"]) == ("cancelling", None, None)
    ended = upstream.wait(run, "cancelled")
    assert (ended["expires_at"], ended["cancelled_at"]) == (None, pytest.approx(time.time(), abs=5))
    assert {step["status"] for step in upstream.steps(run)} <= {"completed", "cancelled"}
    if status == "requires_action":
        assert upstream.steps(run)[-1]["status"] == "cancelled"


def test_a_waiting_run_expires_with_its_step(upstream):
    run = upstream.wait(upstream.run("hi", assistant_id="asst_sandbox_claims"))
    upstream.shift(run["id"], expires_at=int(time.time()) - 1)
    ended = upstream.wait(run, "expired")
    assert (ended["expires_at"], ended["required_action"], ended["completed_at"]) == (None, None, None)
    (step,) = upstream.steps(run)
    assert (step["status"], step["usage"]) == ("expired", None)
    assert step["expired_at"] == pytest.approx(time.time(), abs=5)


def test_a_run_cancelled_in_mid_sentence_keeps_its_words(upstream):
    run = upstream.wait(upstream.run("/slow 0 /long 20000"), "in_progress")
    until = time.monotonic() + 5
    while not (steps := upstream.steps(run)) and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.1)
    upstream.post(path_of(run) + "/cancel")
    upstream.wait(run, "cancelled")
    (message,) = upstream.get(f"/threads/{run['thread_id']}/messages?run_id={run['id']}")["data"]
    assert (message["status"], message["incomplete_details"]) == ("incomplete", {"reason": "run_cancelled"})
    assert 10 < len(message["content"][0]["text"]["value"].split()) < 20_000
    assert upstream.steps(run)[0]["id"] == steps[0]["id"]


def test_a_run_out_of_completion_tokens_is_incomplete(upstream):
    run = upstream.wait(upstream.run("/long 2000", max_completion_tokens=256))
    assert (run["status"], run["incomplete_details"]) == ("incomplete", {"reason": "max_completion_tokens"})
    assert run["usage"]["completion_tokens"] == 256


def test_whole_numbers_may_be_written_as_floats(upstream):
    """As R writes 100000 in JSON: 1e+05."""
    truncation = {"type": "last_messages", "last_messages": 5.0}
    run = upstream.run("hello", max_prompt_tokens=1e5, max_completion_tokens=1000.0, truncation_strategy=truncation)
    for name, wanted in (("max_prompt_tokens", 100_000), ("max_completion_tokens", 1000)):
        assert (run[name], type(run[name])) == (wanted, int)
    assert type(run["truncation_strategy"]["last_messages"]) is int
    status, error = upstream.refusal(
        "POST", f"/threads/{run['thread_id']}/runs", {"assistant_id": "asst_sandbox_code", "max_prompt_tokens": 1000.5}
    )
    assert (status, error["param"], error["code"]) == (400, "max_prompt_tokens", "invalid_type")


def test_a_prompt_above_its_limit_is_incomplete(upstream):
    run = upstream.wait(upstream.run("words " * 400, max_prompt_tokens=256))
    assert (run["status"], run["incomplete_details"]) == ("incomplete", {"reason": "max_prompt_tokens"})


def test_a_deleted_thread_takes_its_runs_along(upstream):
    run = upstream.wait(upstream.run("/slow 30"), "in_progress")
    assert upstream.delete(f"/threads/{run['thread_id']}")["deleted"]
    assert upstream.refusal("GET", path_of(run))[0] == 404
    assert upstream.refusal("GET", f"/threads/{run['thread_id']}/messages")[0] == 404


def test_additional_messages_and_instructions_reach_the_run(upstream):
    thread = upstream.post("/threads")["id"]
    body = {
        "assistant_id": "asst_sandbox_dispatch",
        "additional_messages": [{"role": "user", "content": "/code 5*5"}],
        "additional_instructions": "Be brief.",
    }
    run = upstream.wait(upstream.post(f"/threads/{thread}/runs", body))
    assert run["instructions"].endswith("Be brief.")
    assert "25" in upstream.answer_text(run)


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({}, "assistant_id", "missing_required_parameter"),
        ({"assistant_id": "a", "temperature": 3}, "temperature", "decimal_above_max_value"),
        ({"assistant_id": "a", "temperature": "hot"}, "temperature", "invalid_type"),
        ({"assistant_id": "a", "max_prompt_tokens": 12}, "max_prompt_tokens", "integer_below_min_value"),
        ({"assistant_id": "a", "colour": "red"}, "colour", "unknown_parameter"),
        ({"assistant_id": "a", "tools": [{"type": "web"}]}, "tools[0].type", "invalid_value"),
        ({"assistant_id": "a", "tool_choice": "maybe"}, "tool_choice", "invalid_value"),
        ({"assistant_id": "a", "metadata": {"k" * 65: "v"}}, "metadata", "string_above_max_length"),
        ({"assistant_id": "a", "metadata": {"k": "v" * 513}}, "metadata.k", "string_above_max_length"),
        ({"assistant_id": "a", "metadata": {"k": 1}}, "metadata.k", "invalid_type"),
        (
            {"assistant_id": "a", "metadata": {str(at): "" for at in range(17)}},
            "metadata",
            "object_above_max_properties",
        ),
    ],
)
def test_bad_bodies_are_refused_by_name(upstream, body, param, code):
    thread = upstream.post("/threads")["id"]
    status, error = upstream.refusal("POST", f"/threads/{thread}/runs", body)
    assert (status, error["param"], error["code"]) == (400, param, code)
    assert upstream.get(f"/threads/{thread}/runs")["data"] == []


def test_unknown_ids_are_404(upstream):
    thread = upstream.post("/threads")["id"]
    for path, words in (
        (f"/threads/{thread}/runs/run_x", "No run found with id 'run_x'."),
        ("/threads/thread_x/runs/run_x", "No thread found with id 'thread_x'."),
        (f"/threads/{thread}/messages/msg_x", "No message found with id 'msg_x'."),
        ("/assistants/asst_x", "No assistant found with id 'asst_x'."),
        ("/files/file-x/content", "No file found with id 'file-x'."),
    ):
        status, error = upstream.refusal("GET", path)
        assert (status, error["message"], error["type"]) == (404, words, "invalid_request_error")


def test_a_run_is_not_found_under_another_thread(upstream):
    run, other = upstream.run("hello"), upstream.post("/threads")["id"]
    assert upstream.refusal("GET", f"/threads/{other}/runs/{run['id']}")[0] == 404
