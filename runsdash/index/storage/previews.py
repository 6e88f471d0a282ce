"""Makes what pages show of a body: every text cut to PREVIEW_CHARS, sizes kept, so no page opens a large body.

Only those of large bodies are stored; that of a short one is made when it is read (see storage/bodies.py).

Shapes (JSON):
- text: {"text": str, "size": characters of the whole}
- call: {"id", "type", "kind", "name", "server_label", "arguments": text, "output": text|null, "code": text|null,
  "logs": [text], "images": [file id], "results": [{"file_id", "file_name", "score", "content": text}]|null,
  "child_run_id", "child_thread_id", "other": text of the rest|null}
- message part: {"type": "text", "text": text, "annotations": [annotation]} | {"type": "image_file", "file_id"} |
  {"type": "image_url", "url", "size"} | {"type": "refusal", "text": text} | {"type": other, "text": its JSON}
- annotation: {"type", "text", "start_index", "end_index", "file_id", "quote", "url", "title"}
- run: {"instructions": text, "tools": [...], "cached_tokens", "pending": [call], …RUN_PARAMETERS…}
"""

import json

from runsdash.service.json_types import Json, JsonLike, JsonObject
from runsdash.service.objects import (
    Annotation,
    FileSearchResult,
    Message,
    MessageContent,
    Run,
    RunStep,
    ToolCall,
)

from .storable_text import cut, storable, storable_json

PREVIEW_CHARS = 64 * 1024  # bodies are cut on the server at 64 KB, with a link to the whole
SHORT_BODY_BYTES = 32 * 1024  # from here on a preview is stored
MAX_CALLS = 200  # calls of one step that are previewed
MAX_CALLS_IN_ROW = 50  # calls of one step that the timeline lists
MAX_RESULTS = 100
MAX_ANNOTATIONS = 200
CALLS_BUDGET_CHARS = 1024 * 1024  # all texts of one step's preview together
RUN_PARAMETERS = (
    "temperature",
    "top_p",
    "max_prompt_tokens",
    "max_completion_tokens",
    "truncation_strategy",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
)


def text_preview(text: str, limit: int = PREVIEW_CHARS) -> JsonObject:
    return {"text": cut(text, limit), "size": len(text)}


def json_preview(value: JsonLike, limit: int = PREVIEW_CHARS) -> JsonObject:
    """Makes a preview of `value` as pretty JSON text."""
    try:
        text = json.dumps(value, ensure_ascii=False, indent=2)
    except (RecursionError, ValueError):
        text = "nested too deeply to show"
    return text_preview(text, limit)


def small_json(value: JsonLike) -> Json:
    """Returns `value` itself when its JSON is short, else the text preview of it."""
    if value is None or value is True or value is False:
        return value
    text = json.dumps(value, default=str)
    return storable_json(value) if len(text) <= PREVIEW_CHARS else {"cut": text_preview(text)}


def run_preview(run: Run) -> JsonObject:
    preview: JsonObject = {name: small_json(getattr(run, name)) for name in RUN_PARAMETERS}
    preview["instructions"] = text_preview(run.instructions or "")
    preview["tools"] = small_json(run.tools)
    preview["pending"] = [call_preview(call) for call in run.pending_calls[:MAX_CALLS]]
    preview["cached_tokens"] = run.usage.cached_tokens if run.usage else None
    preview["incomplete_reason"] = storable(run.incomplete_reason or "")
    return preview


def step_preview(step: RunStep) -> JsonObject:
    """Returns {"calls": [call], "call_count", "details": text of unknown step details or null}."""
    limit = PREVIEW_CHARS
    if len(step.tool_calls) > 8:
        limit = max(2048, CALLS_BUDGET_CHARS // len(step.tool_calls))
    calls: list[Json] = [call_preview(call, limit=limit) for call in step.tool_calls[:MAX_CALLS]]
    details = step.raw.get("step_details") if isinstance(step.raw, dict) else None
    unknown = details if not calls and not step.message_id else None
    return {
        "calls": calls,
        "call_count": len(step.tool_calls),
        "details": json_preview(unknown) if unknown else None,
    }


def call_preview(call: ToolCall, *, limit: int = PREVIEW_CHARS) -> JsonObject:
    output, rest = call.output, call.rest
    results: list[Json] = [result_preview(result, limit) for result in call.results[:MAX_RESULTS]]
    return {
        "id": storable(call.id or ""),
        "type": storable(call.type or ""),
        "kind": call.kind,
        "name": storable(call.name or ""),
        "server_label": storable(call.server_label or ""),
        "arguments": text_preview(call.arguments or "", limit),
        "output": None if output is None else text_preview(output, limit),
        "code": text_preview(call.code_input, limit) if call.kind == "code" else None,
        "logs": [text_preview(log, limit) for log in call.logs[:MAX_RESULTS]],
        "images": [storable(file_id) for file_id in call.image_file_ids[:MAX_RESULTS]],
        "results": results if call.has_result_list else None,
        "child_run_id": storable(call.child_run_id or ""),
        "child_thread_id": storable(call.child_thread_id or ""),
        "other": json_preview(rest, limit) if rest else None,
    }


def result_preview(result: FileSearchResult, limit: int) -> JsonObject:
    return {
        "file_id": storable(result.file_id or ""),
        "file_name": storable(result.file_name or ""),
        "score": result.score,
        "content": text_preview(result.content, limit),
    }


def call_row(call: ToolCall) -> JsonObject:
    """Returns what the timeline shows of a call: name, sizes, never its texts."""
    return {
        "id": cut(call.id or "", 200),
        "type": cut(call.type or "", 40),
        "kind": call.kind,
        "name": cut(call.name or "", 200),
        "arguments_size": len(call.arguments or ""),
        "output_size": None if call.output is None else len(call.output),
        "note": call_note(call),
    }


def call_note(call: ToolCall) -> str:
    """Says what came of a call: `3 results`, `logs, 1 image`, or nothing."""
    words = []
    if call.results:
        words.append(f"{len(call.results)} result{'s' if len(call.results) != 1 else ''}")
    if call.logs:
        words.append("logs")
    if call.image_file_ids:
        words.append(f"{len(call.image_file_ids)} image{'s' if len(call.image_file_ids) != 1 else ''}")
    return ", ".join(words)


def message_parts(message: Message) -> list[JsonObject]:
    return [part_preview(part) for part in message.content[:MAX_CALLS]]


def part_preview(part: MessageContent) -> JsonObject:
    if part.type == "text":
        annotations: list[Json] = [annotation_preview(one) for one in part.annotations[:MAX_ANNOTATIONS]]
        return {"type": "text", "text": text_preview(part.text), "annotations": annotations}
    if part.refusal:
        return {"type": "refusal", "text": text_preview(part.refusal)}
    if part.image_file_id:
        return {"type": "image_file", "file_id": storable(part.image_file_id)}
    if part.image_url:
        return {"type": "image_url", "url": cut(part.image_url, 2000), "size": len(part.image_url)}
    return {"type": cut(part.type or "unknown", 40), "text": json_preview(part.raw)}


def annotation_preview(one: Annotation) -> JsonObject:
    return {
        "type": cut(one.type, 40),
        "text": cut(one.text, 200),
        "start_index": one.start_index,
        "end_index": one.end_index,
        "file_id": cut(one.file_id or "", 200),
        "quote": cut(one.quote or "", 2000),
        "url": cut(one.url or "", 2000),
        "title": cut(one.title or "", 300),
    }
