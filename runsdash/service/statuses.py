"""Every fact of a run's and a step's status, so that no other code compares status strings.

A status is a `str`, so it stores, sorts and prints as the API's own word. A word this module does not
know becomes an `UnknownStatus` with the same attributes: shown neutrally, still polled, offered for
cancelling (the server decides). Icons and tones are those of the visual reference.
"""

from enum import StrEnum


def _filled(member: str, value: str, tone: str, facts: str) -> str:
    member._value_ = value
    member.label = _sentence_case(value)
    member.tone = tone
    member.icon = f"st-{value}"
    member.is_terminal = "terminal" in facts
    member.can_be_cancelled = "cancellable" in facts
    member.is_waiting = "waiting" in facts
    return member


def _sentence_case(word: str) -> str:
    text = " ".join(word.replace("_", " ").replace("-", " ").split())[:60]
    return text[:1].upper() + text[1:]


class _Facts:
    """What every status can tell. `tone` is a colour word, `icon` a symbol of the sprite."""

    label: str
    tone: str
    icon: str
    is_terminal: bool
    can_be_cancelled: bool
    is_waiting: bool
    is_known = True

    @property
    def is_active(self) -> bool:
        """An active run locks its thread and is still polled."""
        return not self.is_terminal


class RunStatus(_Facts, StrEnum):
    """The nine statuses of a run, in display order (API.md section 4)."""

    QUEUED = "queued", "neutral", "cancellable"
    IN_PROGRESS = "in_progress", "accent", "cancellable"
    REQUIRES_ACTION = "requires_action", "amber", "cancellable waiting"
    CANCELLING = "cancelling", "neutral", ""
    CANCELLED = "cancelled", "neutral", "terminal"
    FAILED = "failed", "red", "terminal"
    COMPLETED = "completed", "green", "terminal"
    INCOMPLETE = "incomplete", "purple", "terminal"
    EXPIRED = "expired", "brown", "terminal"

    def __new__(cls, value: str, tone: str, facts: str) -> "RunStatus":
        return _filled(str.__new__(cls, value), value, tone, facts)


class StepStatus(_Facts, StrEnum):
    """The five statuses of a run step; a step is never cancelled by itself."""

    IN_PROGRESS = "in_progress", "accent", ""
    CANCELLED = "cancelled", "neutral", "terminal"
    FAILED = "failed", "red", "terminal"
    COMPLETED = "completed", "green", "terminal"
    EXPIRED = "expired", "brown", "terminal"

    def __new__(cls, value: str, tone: str, facts: str) -> "StepStatus":
        return _filled(str.__new__(cls, value), value, tone, facts)


class UnknownStatus(_Facts, str):
    """A word the protocol does not list, kept as received."""

    tone = "neutral"
    icon = "dot"
    is_terminal = False
    can_be_cancelled = True
    is_waiting = False
    is_known = False

    @property
    def value(self) -> str:
        return str(self)

    @property
    def label(self) -> str:
        return _sentence_case(self) or "Unknown"


def run_status(value: object) -> RunStatus | UnknownStatus:
    """The member for a run's status word; anything else becomes an `UnknownStatus`."""
    word = value if isinstance(value, str) else ""
    return _RUN_STATUSES.get(word) or UnknownStatus(word)


def step_status(value: object) -> StepStatus | UnknownStatus:
    """The member for a step's status word; anything else becomes an `UnknownStatus`."""
    word = value if isinstance(value, str) else ""
    return _STEP_STATUSES.get(word) or UnknownStatus(word)


_RUN_STATUSES = {member.value: member for member in RunStatus}
_STEP_STATUSES = {member.value: member for member in StepStatus}
