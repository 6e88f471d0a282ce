"""Gathers the texts of a run that can be searched: instructions, messages, arguments, outputs, code, errors.

Takes objects as the service reads them; of bodies too large to be read at once, their previews. Each text comes with
whether it goes on beyond what is given. No database.
"""

import json
import re
from collections.abc import Iterator

from runsdash.index.storage.previews import MAX_CALLS, MAX_RESULTS
from runsdash.service import objects
from runsdash.service.json_types import Json, JsonLike, JsonObject

from .words import SEARCHABLE_CHARS

Text = tuple[str, bool]
ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)


def run_texts(run: objects.Run) -> Iterator[Text]:
    if run.instructions:
        yield given(run.instructions)
    if run.last_error and run.last_error.message:
        yield given(run.last_error.message)
    for call in run.pending_calls[:MAX_CALLS]:
        yield from call_texts(call)


def step_texts(step: objects.RunStep) -> Iterator[Text]:
    calls = step.tool_calls
    if step.last_error and step.last_error.message:
        yield given(step.last_error.message)
    for call in calls[:MAX_CALLS]:
        yield from call_texts(call)
    if len(calls) > MAX_CALLS:
        yield "", True
    if not calls and not step.message_id and isinstance(step.raw, dict) and step.raw.get("step_details"):
        yield given(json_text(step.raw["step_details"]))


def message_texts(message: objects.Message) -> Iterator[Text]:
    for part in message.content[:MAX_CALLS]:
        if part.type == "text" or part.refusal:
            text = part.text if part.type == "text" else part.refusal
        else:
            text = "" if part.image_file_id or part.image_url else json_text(part.raw)
        if text:
            yield given(text)


def part_texts(parts: list[JsonObject]) -> Iterator[Text]:
    """Gathers the texts of a message's parts as the index has them."""
    for part in parts:
        if isinstance(preview := part.get("text"), dict) and preview.get("text"):
            yield from preview_texts(preview)


def call_texts(call: objects.ToolCall) -> Iterator[Text]:
    """Gathers the texts of a call; its name is one of them."""
    yield call.name, False
    if call.arguments:
        yield given(call.arguments)
    if call.output:
        yield given(call.output)
    if call.kind == "code":
        yield given(call.code_input)
    if call.rest:
        yield given(json_text(call.rest))
    for log in call.logs[:MAX_RESULTS]:
        yield given(log)
    for result in call.results[:MAX_RESULTS]:
        yield result.file_name or "", False
        yield given(result.content)


def given(text: str) -> Text:
    return spoken(text[:SEARCHABLE_CHARS]), len(text) > SEARCHABLE_CHARS


def json_text(value: JsonLike) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (RecursionError, ValueError):
        return ""


def spoken(text: str) -> str:
    """Takes the escapes out of JSON text, which would hide letters (`\\u0144`) or add some (`\\n`)."""
    if "\\" not in text or text.lstrip()[:1] not in ("{", "[", '"'):
        return text
    return ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else " ", text)


def preview_texts(preview: Json) -> Iterator[Text]:
    """Gathers all texts of a preview or of a part of it. Ids and names of kinds count as texts too."""
    if isinstance(preview, str):
        yield preview, False
    elif isinstance(preview, dict):
        text, size = preview.get("text"), preview.get("size")
        if isinstance(text, str) and isinstance(size, int):
            yield spoken(text), size > len(text)
            return
        for one in preview.values():
            yield from preview_texts(one)
    elif isinstance(preview, list):
        for one in preview:
            yield from preview_texts(one)
