"""Computes how much of an answer is out by now, and remembers what open streams got of it.

An answer is written word by word at a fixed pace from the moment it began. How far it is follows from the clock and
needs no row of its own: after a restart it goes on where it would have been.
"""

import re

from runsdash.sandbox.json_objects import JsonObject

WORD = re.compile(r"\s*\S+")


def text_so_far(draft: JsonObject, *, now: float) -> str:
    """Returns the part of `draft["text"]` that is out at `now` (Unix seconds)."""
    if draft["word_s"] <= 0:
        return draft["text"]
    count = int((min(now, draft.get("until", now)) - draft["began"]) / draft["word_s"])
    end = 0
    for at, match in enumerate(WORD.finditer(draft["text"])):
        if at >= count:
            break
        end = match.end()
    return draft["text"][:end]


def word_count(text: str) -> int:
    return sum(1 for _ in WORD.finditer(text))


class OpenMessages:
    """Holds the messages being written in this process: by run id, the draft and the length sent."""

    def __init__(self) -> None:
        self.by_run: dict[str, JsonObject] = {}
        self.sent: dict[str, int] = {}

    def begin(self, run_id: str, draft: JsonObject) -> None:
        self.by_run[run_id], self.sent[run_id] = draft, 0

    def end(self, run_id: str) -> None:
        self.by_run.pop(run_id, None)
        self.sent.pop(run_id, None)

    def next_delta(self, run_id: str, text: str, *, message_id: str) -> JsonObject | None:
        """Makes the delta from what was sent up to `text`, or None when nothing is new."""
        new = text[self.sent.get(run_id, 0) :]
        if not new:
            return None
        self.sent[run_id] = len(text)
        return message_delta(message_id, [{"index": 0, "type": "text", "text": {"value": new, "annotations": []}}])


def message_delta(message_id: str, content: list[JsonObject]) -> JsonObject:
    return {"id": message_id, "object": "thread.message.delta", "delta": {"content": content}}
