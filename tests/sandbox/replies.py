"""Collects one reply of every kind the sandbox gives, under the name of its schema."""

import json
import urllib.request
from collections.abc import Iterator

from tests.upstream import Sandbox

FUNCTION = {
    "type": "function",
    "function": {"name": "weigh", "parameters": {"type": "object", "properties": {"parcel": {"type": "string"}}}},
}
TEXTS = (
    "hello", "/tools", "/code 6*7 /plot 1 2 3", "/search claim photos", "/long 30", "/fail rate_limit_exceeded",
    "/fail invalid_prompt", "/incomplete", "/incomplete max_prompt_tokens",
)  # fmt: skip
ASSISTANT = {
    "model": "gpt-4o",
    "name": "Scale",
    "instructions": "Weigh.",
    "tools": [FUNCTION, {"type": "file_search", "file_search": {"max_num_results": 2}}],
    "metadata": {"owner": "night"},
    "temperature": 0.3,
    "response_format": {"type": "json_object"},
}


def collect(upstream: Sandbox) -> Iterator[tuple[str, dict]]:
    """Pairs of schema name and body."""
    yield from of_assistants(upstream)
    yield from of_threads(upstream)
    for text in TEXTS:
        yield from of_run(upstream, text)
    yield from of_ended_runs(upstream)
    yield from of_refusals(upstream)


def of_assistants(upstream: Sandbox) -> Iterator[tuple[str, dict]]:
    made = upstream.post("/assistants", ASSISTANT)
    path = f"/assistants/{made['id']}"
    yield "AssistantObject", made
    yield "AssistantObject", upstream.post(path, {"name": "Heavy scale"})
    yield "AssistantObject", upstream.get(path)
    yield "ListAssistantsResponse", upstream.get("/assistants?limit=3")
    yield "DeleteAssistantResponse", upstream.delete(path)


def of_threads(upstream: Sandbox) -> Iterator[tuple[str, dict]]:
    made = upstream.post("/threads", {"messages": [{"role": "user", "content": "hi"}], "metadata": {"a": "b"}})
    path = f"/threads/{made['id']}"
    yield "ThreadObject", made
    yield "ThreadObject", upstream.post(path, {"metadata": {"c": "d"}})
    yield "ThreadObject", upstream.get(path)
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    body = {"role": "user", "content": [{"type": "text", "text": "look"}, image]}
    message = upstream.post(f"{path}/messages", body)
    yield "MessageObject", message
    yield "MessageObject", upstream.post(f"{path}/messages/{message['id']}", {"metadata": {"seen": "yes"}})
    yield "MessageObject", upstream.get(f"{path}/messages/{message['id']}")
    yield "ListMessagesResponse", upstream.get(f"{path}/messages")
    yield "ListRunsResponse", upstream.get(f"{path}/runs")
    yield "DeleteMessageResponse", upstream.delete(f"{path}/messages/{message['id']}")
    yield "DeleteThreadResponse", upstream.delete(path)


def of_run(upstream: Sandbox, text: str) -> Iterator[tuple[str, dict]]:
    made = upstream.run(text, metadata={"text": text[:20]}, temperature=0.5)
    path = f"/threads/{made['thread_id']}/runs/{made['id']}"
    yield "RunObject", made
    ended = upstream.wait(made)
    yield "RunObject", ended
    if ended["status"] == "requires_action":
        yield "ListRunStepsResponse", upstream.get(f"{path}/steps")
        yield "RunObject", upstream.answer(ended)
        yield "RunObject", upstream.wait(ended, "completed")
    yield "RunObject", upstream.post(path, {"metadata": {"seen": "yes"}})
    include = "include[]=step_details.tool_calls[*].file_search.results[*].content"
    steps = upstream.get(f"{path}/steps?{include}")
    yield "ListRunStepsResponse", steps
    for step in steps["data"]:
        yield "RunStepObject", upstream.get(f"{path}/steps/{step['id']}")
    yield "ListMessagesResponse", upstream.get(f"/threads/{made['thread_id']}/messages")
    yield from (("AssistantStreamEvent", event) for event in stream(upstream, text))


def of_ended_runs(upstream: Sandbox) -> Iterator[tuple[str, dict]]:
    for status in ("queued", "in_progress", "requires_action", "expired", "cancelled", "failed"):
        made = upstream.seed(status=status, steps=2)
        yield "ListRunsResponse", upstream.get(f"/threads/{made['thread_id']}/runs")
        yield "ListRunStepsResponse", upstream.get(f"/threads/{made['thread_id']}/runs/{made['run_id']}/steps")
        if status == "in_progress":
            path = f"/threads/{made['thread_id']}/runs/{made['run_id']}"
            yield "RunObject", upstream.post(f"{path}/cancel")
            yield "RunObject", upstream.wait({"id": made["run_id"], "thread_id": made["thread_id"]}, "cancelled")


def of_refusals(upstream: Sandbox) -> Iterator[tuple[str, dict]]:
    for method, path, body in (
        ("GET", "/threads/thread_none", None),
        ("POST", "/assistants", {}),
        ("GET", "/nowhere", None),
        ("DELETE", "/threads", None),
    ):
        yield "ErrorResponse", {"error": upstream.refusal(method, path, body)[1]}


def stream(upstream: Sandbox, text: str, **fields: object) -> list[dict]:
    """Every event of a new run on `text` as `{event, data}`."""
    body = {
        "assistant_id": "asst_sandbox_dispatch",
        "thread": {"messages": [{"role": "user", "content": text}]},
        "stream": True,
        **fields,
    }
    return stream_of(upstream, "/threads/runs", body)


def stream_of(upstream: Sandbox, path: str, body: dict) -> list[dict]:
    with open_stream(upstream, path, body) as reply:
        return [read_frame(frame) for frame in reply.read().decode().split("\n\n") if frame.strip()]


def open_stream(upstream: Sandbox, path: str, body: dict):
    headers = {"Authorization": f"Bearer {upstream.api_key}", "Content-Type": "application/json"}
    url = upstream.base_url + path
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers, method="POST")
    return urllib.request.urlopen(request, timeout=30)


def read_frame(frame: str) -> dict:
    lines = dict(line.split(": ", 1) for line in frame.split("\n"))
    data = lines["data"]
    return {"event": lines["event"], "data": data if data == "[DONE]" else json.loads(data)}
