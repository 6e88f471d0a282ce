"""Which texts of a run can be searched: instructions, messages, tool arguments and outputs, code, results, errors.

Takes previews (see previews.py) and goes back to the object itself only where a preview is cut too short. Each text
comes with whether it goes on beyond what is given. No database.
"""

import re
from collections.abc import Callable, Iterator

from runsdash.service import objects

from .previews import MAX_CALLS, call_preview, json_preview, text_preview
from .words import SEARCHABLE_CHARS

Text = tuple[str, bool]
ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)


def run_texts(preview: dict, *, error_message: str = "", whole: Callable[[], objects.Run | None]) -> Iterator[Text]:
    instructions, pending = preview.get("instructions"), preview.get("pending") or []
    run = whole() if any_short([instructions, *(text for call in pending for text in texts_of_call(call))]) else None
    if run is not None:
        instructions = text_preview(run.instructions or "", SEARCHABLE_CHARS)
        pending = [call_preview(call, limit=SEARCHABLE_CHARS) for call in run.pending_calls[:MAX_CALLS]]
    yield from given([instructions])
    yield error_message, False
    for call in pending:
        yield from call_texts(call)


def step_texts(
    preview: dict, *, error_message: str = "", whole: Callable[[], objects.RunStep | None]
) -> Iterator[Text]:
    calls, details = preview.get("calls") or [], preview.get("details")
    step = whole() if any_short([details, *(text for call in calls for text in texts_of_call(call))]) else None
    if step is not None:
        calls = [call_preview(call, limit=SEARCHABLE_CHARS) for call in step.tool_calls[:MAX_CALLS]]
        details = details and json_preview(step.raw.get("step_details"), SEARCHABLE_CHARS)
    yield error_message, (preview.get("call_count") or 0) > len(calls)
    for call in calls:
        yield from call_texts(call)
    yield from given([details])


def message_texts(parts: list[dict], *, whole: Callable[[], objects.Message | None]) -> Iterator[Text]:
    texts = [part.get("text") for part in parts]
    message = whole() if any_short(texts) else None
    if message is not None:
        texts = [
            text_preview(one, SEARCHABLE_CHARS) for part in message.content for one in [part.text or part.refusal or ""]
        ]
    yield from given(texts)


def call_texts(call: dict) -> Iterator[Text]:
    """Texts of a call's preview; its name is one of them."""
    yield str(call.get("name") or ""), False
    for result in call.get("results") or []:
        yield str(result.get("file_name") or ""), False
    yield from given(texts_of_call(call))


def texts_of_call(call: dict) -> list[object]:
    named = [call.get(name) for name in ("arguments", "output", "code", "other")]
    return [*named, *(call.get("logs") or []), *(result.get("content") for result in call.get("results") or [])]


def given(texts: list[object]) -> Iterator[Text]:
    for text in texts:
        if isinstance(text, dict) and text.get("text"):
            yield spoken(text["text"]), text.get("size", 0) > len(text["text"])


def spoken(text: str) -> str:
    """JSON text without its escapes, which would hide letters (`\\u0144`) or add some (`\\n`)."""
    if "\\" not in text or text.lstrip()[:1] not in ("{", "[", '"'):
        return text
    return ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else " ", text)


def any_short(texts: list[object]) -> bool:
    """Is one of these previews cut before the end of what can be searched?"""
    previews = (text for text in texts if isinstance(text, dict) and text.get("text"))
    return any(len(one["text"]) < min(one.get("size", 0), SEARCHABLE_CHARS) for one in previews)
