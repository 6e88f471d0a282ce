"""Runs answered by a chat-completions model. The model here is a small server that replies as ordered."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.sandbox.replies import stream
from tests.upstream import Sandbox

USAGE = {"prompt_tokens": 31, "completion_tokens": 7, "total_tokens": 38}
CALLS = [
    {"index": 0, "id": "call_m1", "function": {"name": "find_shipment", "arguments": '{"shipment'}},
    {"index": 0, "function": {"arguments": '_ref":"NW-1"}'}},
    {"index": 1, "id": "call_m2", "function": {"name": "pay_claim", "arguments": "{}"}},
]


class Model(ThreadingHTTPServer):
    """Replies with `chunks`, one after the other, or with `status` when that is not 200."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ModelHandler)
        self.reset()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def reset(self) -> None:
        self.requests: list[dict] = []
        self.replies: list[list[dict]] = []
        self.status, self.pause_s, self.streams = 200, 0.0, True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class ModelHandler(BaseHTTPRequestHandler):
    server: Model

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        model = self.server
        model.requests.append(body | {"_path": self.path, "_key": self.headers["Authorization"]})
        self.send_response(model.status)
        streams = model.status == 200 and model.streams
        self.send_header("Content-Type", "text/event-stream" if streams else "application/json")
        self.end_headers()
        if not streams:
            self.wfile.write(json.dumps(model.replies.pop(0)[0]).encode())
            return
        for chunk in model.replies.pop(0):
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
            time.sleep(model.pause_s)
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


def says(*words: str, finish: str = "stop") -> list[dict]:
    chunks = [{"choices": [{"delta": {"content": word}}]} for word in words]
    return [*chunks, {"choices": [{"delta": {}, "finish_reason": finish}]}, {"choices": [], "usage": USAGE}]


def calls() -> list[dict]:
    chunks = [{"choices": [{"delta": {"tool_calls": [call]}}]} for call in CALLS]
    return [*chunks, {"choices": [{"delta": {}, "finish_reason": "tool_calls"}], "usage": USAGE}]


@pytest.fixture(scope="module")
def server():
    with Model() as model:
        yield model
        model.shutdown()


@pytest.fixture(scope="module")
def shared(server):
    with Sandbox("--chat-url", server.url, "--chat-key", "secret", "--chat-model", "tiny") as shared:
        yield shared


@pytest.fixture
def model(server):
    server.reset()
    return server


def test_an_answer_with_its_own_usage(shared, model):
    model.replies = [says("Good ", "evening.")]
    run = shared.wait(shared.run("Hello?", instructions="Be kind.", temperature=0.4))
    assert (run["status"], run["usage"]) == ("completed", USAGE)
    assert shared.answer_text(run) == "Good evening."
    (request,) = model.requests
    assert (request["_path"], request["_key"]) == ("/v1/chat/completions", "Bearer secret")
    assert (request["model"], request["temperature"]) == ("tiny", 0.4)
    assert request["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hello?"},
    ]
    assert [tool["function"]["name"] for tool in request["tools"]][:2] == ["find_shipment", "read_logger"]


def test_calls_wait_for_the_client_and_their_outputs_go_back(shared, model):
    model.replies = [calls(), says("It is here.")]
    run = shared.wait(shared.run("Where is it?"))
    pending = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    assert [(one["id"], one["function"]["arguments"]) for one in pending] == [
        ("call_m1", '{"shipment_ref":"NW-1"}'),
        ("call_m2", "{}"),
    ]
    shared.answer(run, "at the gate")
    run = shared.wait(run, "completed")
    assert shared.answer_text(run) == "It is here."
    assert run["usage"]["total_tokens"] == 2 * USAGE["total_tokens"]
    assert [one["role"] for one in model.requests[1]["messages"]] == ["system", "user", "assistant", "tool", "tool"]
    assert model.requests[1]["messages"][-1] == {"role": "tool", "tool_call_id": "call_m2", "content": "at the gate"}


def test_words_stream_as_they_come(shared, model):
    model.replies, model.pause_s = [says(*[f"w{at} " for at in range(30)])], 0.01
    events = stream(shared, "Count.")
    pieces = [event["data"]["delta"]["content"][0] for event in events if event["event"] == "thread.message.delta"]
    assert len(pieces) > 3
    assert "".join(piece["text"]["value"] for piece in pieces) == "".join(f"w{at} " for at in range(30))
    assert [event["event"] for event in events][-2:] == ["thread.run.completed", "done"]


def test_a_reply_that_does_not_stream(shared, model):
    model.streams = False
    model.replies = [[{"choices": [{"message": {"content": "Whole."}, "finish_reason": "stop"}], "usage": USAGE}]]
    assert shared.answer_text(shared.wait(shared.run("Hi"), "completed")) == "Whole."


def test_a_reply_cut_by_its_limit_is_incomplete(shared, model):
    model.replies = [says("Half", finish="length")]
    run = shared.wait(shared.run("Hi", max_completion_tokens=300))
    assert (run["status"], run["incomplete_details"]) == ("incomplete", {"reason": "max_completion_tokens"})
    assert shared.answer_text(run) == "Half"
    assert model.requests[0]["max_tokens"] == 300


@pytest.mark.parametrize(("status", "code"), [(429, "rate_limit_exceeded"), (500, "server_error")])
def test_a_refusal_of_the_model_fails_the_run(shared, model, status, code):
    model.status, model.replies = status, [[{"error": {"message": "no"}}]]
    run = shared.wait(shared.run("Hi"))
    assert (run["status"], run["last_error"]["code"]) == ("failed", code)
    assert str(status) in run["last_error"]["message"]


def test_a_cancelled_run_keeps_what_the_model_wrote(shared, model):
    model.replies, model.pause_s = [says(*["word "] * 500)], 0.01
    run = shared.wait(shared.run("Go on."), "in_progress")
    until = time.monotonic() + 5
    while not shared.steps(run) and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.1)
    shared.post(f"/threads/{run['thread_id']}/runs/{run['id']}/cancel")
    shared.wait(run, "cancelled")
    assert 1 <= len(shared.answer_text(run).split()) < 400


def test_a_model_out_of_reach_fails_the_run():
    with Sandbox("--chat-url", "http://127.0.0.1:9/v1") as alone:
        run = alone.wait(alone.run("Hi"))
        assert run["last_error"]["code"] == "server_error"
        assert "did not answer" in run["last_error"]["message"]


def test_a_killed_server_asks_again(model):
    model.replies, model.pause_s = [says(*["slow "] * 500), says("Again.")], 0.01
    with Sandbox("--chat-url", model.url) as killed:
        run = killed.run("Hi")
        until = time.monotonic() + 5
        while not killed.steps(run) and time.monotonic() < until:
            time.sleep(0.01)
        killed.kill()
        model.pause_s = 0
        killed.restart()
        assert killed.answer_text(killed.wait(run, "completed")) == "Again."
        assert model.requests[0]["model"] == "gpt-4o"
