"""Writes JSON bodies and event streams as they go over the wire, with the quirks of other servers."""

import json
from collections.abc import Callable, Iterator

from runsdash.sandbox.json_objects import Json, JsonObject, dump
from runsdash.sandbox.state import Streamed

from .shapes import shaped
from .steps import shown

ENDS = frozenset(
    f"thread.run.{status}"
    for status in ("requires_action", "completed", "incomplete", "failed", "cancelled", "expired")
)


def json_body(answer: Json, quirks: JsonObject) -> bytes:
    """Writes an answer as JSON, with the quirks of servers that differ."""
    answer = shaped(answer, quirks)
    if quirks["float_timestamps"]:
        answer = floated(answer)
    if quirks["call_ids"]:
        answer = with_odd_calls(answer, CALL_IDS[quirks["call_ids"]])
    if quirks["errors_as_events"]:
        answer = without_reason(answer)
    if isinstance(answer, dict) and answer.get("object") == "list":
        if quirks["no_has_more"]:
            answer = {name: value for name, value in answer.items() if name != "has_more"}
        if quirks["bare_lists"]:
            answer = answer["data"]
    return dump(answer).encode()


def without_reason(value: Json) -> Json:
    """Takes `last_error` out of a run, or out of a list of runs."""
    if not isinstance(value, dict):
        return value
    if value.get("object") == "list":
        return value | {"data": [without_reason(one) for one in value["data"]]}
    return value | {"last_error": None} if value.get("object") == "thread.run" else value


def floated(value: Json) -> Json:
    if isinstance(value, list):
        return [floated(one) for one in value]
    if isinstance(value, dict):
        return {
            name: one + 0.25 if name.endswith("_at") and isinstance(one, int) else floated(one)
            for name, one in value.items()
        }
    return value


def with_odd_calls(value: Json, odd: Callable[[list[JsonObject]], list[JsonObject]]) -> Json:
    """Changes every list of tool calls."""
    if isinstance(value, list):
        return [with_odd_calls(one, odd) for one in value]
    if isinstance(value, dict):
        return {
            name: odd(one) if name == "tool_calls" and isinstance(one, list) else with_odd_calls(one, odd)
            for name, one in value.items()
        }
    return value


CALL_IDS = {
    "same": lambda calls: [call | {"id": "0"} for call in calls],
    "missing": lambda calls: [call | {"id": None} for call in calls],
    "repeated": lambda calls: [one for call in calls for one in (call, call)],
}


def frames(streamed: Streamed, quirks: JsonObject) -> Iterator[bytes]:
    """Writes the frames of a stream as they come, until the run ends or waits for a client."""
    dialect = DIALECTS[quirks["stream_dialect"]]
    while (item := streamed.listener.get()) is not None:
        name, text = item
        if name.startswith("thread.run.step.") and '"content"' in text and not streamed.wants_content:
            text = dump(shown(json.loads(text), wants_content=False))
        if quirks["call_ids"] and '"tool_calls"' in text:
            text = dump(with_odd_calls(json.loads(text), CALL_IDS[quirks["call_ids"]]))
        if quirks["no_step_events"] and name.startswith("thread.run.step."):
            continue
        text = dump(shaped(json.loads(text), quirks))
        if name == "thread.run.failed" and quirks["errors_as_events"]:
            run = json.loads(text)
            yield dialect(name, dump(run | {"last_error": None}))
            name, text = "error", dump({"error": run["last_error"]})
        yield dialect(name, text)
        if name in ENDS or name == "error":
            break
    yield dialect("done", "[DONE]")


def plain(name: str, text: str) -> bytes:
    return f"event: {name}\ndata: {text}\n\n".encode()


def astra(name: str, text: str) -> bytes:
    """Writes a frame without an `event:` line, as astra does: the data carries both names."""
    if name == "done":
        return b"data: [DONE]\n\n"
    return f'data: {{"event":"{name}","data":{text}}}\n\n'.encode()


def bare(name: str, text: str) -> bytes:
    """Writes a frame with CRLF, a comment, split data and float times; there is no last frame."""
    if name == "done":
        return b""
    body = dump(floated(json.loads(text)))
    head, rest = body[:1], body[1:]
    return f": keep-alive\r\nevent: {name}\r\ndata: {head}\r\ndata:{rest}\r\n\r\n".encode()


DIALECTS = {None: plain, "astra": astra, "bare": bare}
