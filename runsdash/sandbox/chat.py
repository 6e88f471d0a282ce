"""Asks an OpenAI-compatible chat-completions model. The only module of the sandbox that calls out.

Turns a run and its thread into a chat request, and the streamed reply into text, calls and usage. Knows
nothing of the store or of a run's states.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import requests

from runsdash.sandbox.engine.objects import message_text, without_output
from runsdash.sandbox.json_objects import JsonObject, load

CONNECT_S, READ_S = 10, 120


class ChatError(Exception):
    """Says why the model could not answer; `code` becomes the run's `last_error.code`."""

    def __init__(self, message: str, *, code: str = "server_error") -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Reply:
    """Holds what the model answered. `calls` maps an index to `{id, name, arguments}`."""

    text: str = ""
    calls: dict[int, JsonObject] = field(default_factory=dict)
    usage: JsonObject | None = None
    finish_reason: str | None = None


@dataclass
class ChatModel:
    """Sends chat requests to `url`, a base URL (`…/v1`); an empty `model` takes each run's own."""

    url: str
    key: str
    model: str

    def answer(self, run: JsonObject, messages: list[JsonObject], *, on_text: Callable[[str], bool]) -> Reply:
        """Asks for one answer. `on_text` gets the text so far and says whether to go on; raises ChatError."""
        reply = Reply()
        try:
            with self.send(request_body(run, messages, model=self.model or run["model"])) as response:
                for chunk in chunks(response):
                    add_chunk(reply, chunk)
                    if not on_text(reply.text):
                        break
        except requests.RequestException as exc:
            raise ChatError(f"The model's server did not answer: {type(exc).__name__}.") from exc
        return reply

    def send(self, body: JsonObject) -> requests.Response:
        url = self.url.rstrip("/").removesuffix("/chat/completions") + "/chat/completions"
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        response = requests.post(url, json=body, headers=headers, stream=True, timeout=(CONNECT_S, READ_S))
        if response.ok:
            return response
        with response:
            code = "rate_limit_exceeded" if response.status_code == 429 else "server_error"
            raise ChatError(f"The model's server said {response.status_code}: {response.text[:300]}", code=code)


def request_body(run: JsonObject, messages: list[JsonObject], *, model: str) -> JsonObject:
    functions = [tool for tool in run["tools"] if tool["type"] == "function"]
    body = {
        "model": model,
        "messages": messages,
        "temperature": run["temperature"],
        "top_p": run["top_p"],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if run["max_completion_tokens"]:
        body["max_tokens"] = run["max_completion_tokens"]
    if isinstance(run["response_format"], dict):
        body["response_format"] = run["response_format"]
    if functions:
        body |= {"tools": functions, "parallel_tool_calls": run["parallel_tool_calls"]}
        body["tool_choice"] = run["tool_choice"]
    return body


def conversation(run: JsonObject, messages: list[JsonObject], steps: list[JsonObject]) -> list[JsonObject]:
    """Builds the chat: the instructions, the thread's messages, then this run's finished calls."""
    chat = [{"role": "system", "content": run["instructions"]}] if run["instructions"] else []
    chat += [{"role": one["role"], "content": message_text(one)} for one in messages if one["content"]]
    for step in steps:
        calls = [one for one in step["step_details"].get("tool_calls", []) if one["type"] == "function"]
        if step["status"] == "completed" and calls:
            chat.append({"role": "assistant", "content": None, "tool_calls": [without_output(one) for one in calls]})
            chat += [{"role": "tool", "tool_call_id": one["id"], "content": one["function"]["output"]} for one in calls]
    return chat


def chunks(response: requests.Response) -> Iterator[JsonObject]:
    """Reads the JSON chunks of the reply; a server that does not stream gives one."""
    if "event-stream" not in response.headers.get("Content-Type", ""):
        yield read_json(response.content)
        return
    for line in response.iter_lines():
        data = line.removeprefix(b"data:").strip()
        if line.startswith(b"data:") and data != b"[DONE]":
            yield read_json(data)


def read_json(raw: bytes) -> JsonObject:
    try:
        body = load(raw)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ChatError("The model's server did not answer in JSON.")
    return body


def add_chunk(reply: Reply, chunk: JsonObject) -> None:
    """Adds one chunk, or one whole completion, to the reply."""
    if usage := chunk.get("usage"):
        reply.usage = {name: int(usage.get(name) or 0) for name in ("prompt_tokens", "completion_tokens")}
    for choice in chunk.get("choices") or []:
        delta = choice.get("delta") or choice.get("message") or {}
        reply.text += delta.get("content") or ""
        reply.finish_reason = choice.get("finish_reason") or reply.finish_reason
        for at, call in enumerate(delta.get("tool_calls") or []):
            add_call(reply, call.get("index", at), call)


def add_call(reply: Reply, index: int, call: JsonObject) -> None:
    added = reply.calls.setdefault(index, {"id": "", "name": "", "arguments": ""})
    function = call.get("function") or {}
    added["id"] = call.get("id") or added["id"]
    added["name"] = function.get("name") or added["name"]
    added["arguments"] += function.get("arguments") or ""
