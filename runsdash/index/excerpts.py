"""Makes what lists show of a conversation: question and reply of a run, first question and last reply of a thread.

Pure: an import reads messages in memory, all others read rows, and both follow these rules.
"""

from collections.abc import Iterable
from itertools import dropwhile, takewhile
from typing import Protocol

from runsdash.service.json_types import Json

from .storage.storable_text import cut

EXCERPT_CHARS = 200
READ_CHARS = 4096  # of a text; blanks at its start may hide the rest
LOOKED_AT = 20  # messages: before a run, at the end of what it wrote, at both ends of a thread


class Said(Protocol):
    """Names what is asked of a message. `excerpt`: as by `excerpt_of`."""

    @property
    def role(self) -> str: ...
    @property
    def excerpt(self) -> str: ...


def excerpt_of(parts: Json) -> str:
    """Returns the start of a message's first text, on one line. `parts`: as in storage/previews.py."""
    for part in parts if isinstance(parts, list) else ():
        text = part.get("text") if isinstance(part, dict) and part.get("type") in ("text", "refusal") else None
        words = text.get("text") if isinstance(text, dict) else None
        line = " ".join(words[:READ_CHARS].split()) if isinstance(words, str) else ""
        if line:
            return cut(line, EXCERPT_CHARS)
    return ""


def is_by_user(message: Said) -> bool:
    return message.role == "user"


def question_among(before: Iterable[Said]) -> str:
    """Finds the last text of the last unbroken row of user messages. `before`: those before a run, newest first."""
    row = takewhile(is_by_user, dropwhile(lambda one: not is_by_user(one), before))
    return first_text(row)


def first_question_among(messages: Iterable[Said]) -> str:
    """Finds what a user said first. `messages`: oldest first."""
    return first_text(filter(is_by_user, messages))


def reply_among(messages: Iterable[Said]) -> str:
    """Finds what the assistant said last. `messages`: newest first."""
    return first_text(one for one in messages if not is_by_user(one))


def first_text(messages: Iterable[Said]) -> str:
    return next(filter(None, (one.excerpt for one in messages)), "")
