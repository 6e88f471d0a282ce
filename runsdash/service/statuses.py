"""States every fact of a run's and a step's status, so that no other code compares status strings.

A status is a `str`, so it stores, sorts and prints as the API's own word. A word this module does not know becomes an
`UnknownStatus` with the same attributes: it is polled, and cancelling is offered (the server decides). Colours are not
here: `static/css/statuses.css` chooses them by `data-status`.
"""

from enum import StrEnum
from typing import Self

from .json_types import Json


def _row(
    word: str, *, is_terminal: bool = False, can_be_cancelled: bool = False, is_waiting: bool = False
) -> tuple[str, bool, bool, bool]:
    return word, is_terminal, can_be_cancelled, is_waiting


def _sentence_case(word: str) -> str:
    text = " ".join(word.replace("_", " ").replace("-", " ").split())[:60]
    return text[:1].upper() + text[1:]


SPOKEN = {"requires_action": "Needs an answer"}  # words that say more to people than the API's own


class _Facts:
    """Names what every status can tell. `icon` names a symbol of `static/icons.svg`."""

    label: str
    icon: str
    is_terminal: bool
    can_be_cancelled: bool
    is_waiting: bool
    is_known = True

    @property
    def is_active(self) -> bool:
        """Tells whether a run of this status locks its thread and is still polled."""
        return not self.is_terminal


class _Listed(_Facts, StrEnum):
    def __new__(cls, word: str, is_terminal: bool, can_be_cancelled: bool, is_waiting: bool) -> Self:
        member = str.__new__(cls, word)
        member._value_ = word
        member.label, member.icon = SPOKEN.get(word) or _sentence_case(word), f"st-{word}"
        member.is_terminal, member.can_be_cancelled, member.is_waiting = is_terminal, can_be_cancelled, is_waiting
        return member


class RunStatus(_Listed):
    """Lists the nine statuses of a run, in display order (docs/protocol.md)."""

    QUEUED = _row("queued", can_be_cancelled=True)
    IN_PROGRESS = _row("in_progress", can_be_cancelled=True)
    REQUIRES_ACTION = _row("requires_action", can_be_cancelled=True, is_waiting=True)
    CANCELLING = _row("cancelling")
    CANCELLED = _row("cancelled", is_terminal=True)
    FAILED = _row("failed", is_terminal=True)
    COMPLETED = _row("completed", is_terminal=True)
    INCOMPLETE = _row("incomplete", is_terminal=True)
    EXPIRED = _row("expired", is_terminal=True)


class StepStatus(_Listed):
    """Lists the five statuses of a run step; a step is never cancelled by itself."""

    IN_PROGRESS = _row("in_progress")
    CANCELLED = _row("cancelled", is_terminal=True)
    FAILED = _row("failed", is_terminal=True)
    COMPLETED = _row("completed", is_terminal=True)
    EXPIRED = _row("expired", is_terminal=True)


class MessageStatus(StrEnum):
    """Lists the three statuses of a message; one that an answer is streamed into is in progress."""

    IN_PROGRESS = "in_progress"
    INCOMPLETE = "incomplete"
    COMPLETED = "completed"


class UnknownStatus(_Facts, str):
    """Keeps a word that the protocol does not list."""

    icon = "dot"
    is_terminal = False
    can_be_cancelled = True
    is_waiting = False
    is_known = False

    def __new__(cls, word: str) -> "UnknownStatus":
        made = str.__new__(cls, word)
        made.label = _sentence_case(word) or "Unknown"
        return made

    @property
    def value(self) -> str:
        return str(self)


def run_status(value: Json) -> RunStatus | UnknownStatus:
    """Finds the member for a run's status word; anything else becomes an `UnknownStatus`."""
    word = value if isinstance(value, str) else ""
    return _RUN_STATUSES.get(word) or UnknownStatus(word)


def step_status(value: Json) -> StepStatus | UnknownStatus:
    """Finds the member for a step's status word; anything else becomes an `UnknownStatus`."""
    word = value if isinstance(value, str) else ""
    return _STEP_STATUSES.get(word) or UnknownStatus(word)


_RUN_STATUSES = {member.value: member for member in RunStatus}
_STEP_STATUSES = {member.value: member for member in StepStatus}
