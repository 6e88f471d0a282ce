"""Reads a run step, and puts steps in the order in which they are shown."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from runsdash.service.statuses import StepStatus, UnknownStatus, step_status

from ..json_types import Json
from . import parsing
from .fields import ApiObject, Fields
from .runs import LastError, Usage
from .tool_calls import ToolCall, kind_in_common

_END_MOMENTS = {
    "completed_at": StepStatus.COMPLETED,
    "failed_at": StepStatus.FAILED,
    "cancelled_at": StepStatus.CANCELLED,
    "expired_at": StepStatus.EXPIRED,
}
_FAR_FUTURE = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStep(ApiObject):
    """Holds a step of a run: a message it wrote (`message_id`) or the tools it called (`tool_calls`)."""

    id: str
    run_id: str | None
    thread_id: str | None
    assistant_id: str | None
    type: str
    status: StepStatus | UnknownStatus
    created_at: datetime | None
    completed_at: datetime | None
    failed_at: datetime | None
    cancelled_at: datetime | None
    expired_at: datetime | None
    usage: Usage | None
    last_error: LastError | None
    tool_calls: list[ToolCall]
    message_id: str | None
    metadata: dict[str, str]
    raw: Json = field(repr=False)

    @classmethod
    def from_raw(cls, raw: Json) -> "RunStep":
        step = parsing.mapping(raw)
        details = parsing.mapping(step.get("step_details"))
        type_ = _type_of(step, details)
        return cls(
            id=parsing.identifier(step.get("id")) or "",
            run_id=parsing.identifier(step.get("run_id")),
            thread_id=parsing.identifier(step.get("thread_id")),
            assistant_id=parsing.identifier(step.get("assistant_id")) or parsing.identifier(step.get("agent_id")),
            type=type_,
            status=_status_of(step),
            created_at=parsing.moment(step.get("created_at")),
            completed_at=parsing.moment(step.get("completed_at")),
            failed_at=parsing.moment(step.get("failed_at")),
            cancelled_at=parsing.moment(step.get("cancelled_at")),
            expired_at=parsing.moment(step.get("expired_at")) or _deadline_passed(step),
            usage=Usage.from_raw(step.get("usage")),
            last_error=LastError.from_raw(step.get("last_error")),
            tool_calls=[ToolCall.from_raw(call) for call in _calls_in(details, type_)],
            message_id=_message_id(step, details),
            metadata=parsing.metadata(step),
            raw=raw,
        )

    @property
    def step_details(self) -> Fields | None:
        """Gives the details by the API's names; None when the server gave none."""
        details = parsing.mapping(parsing.mapping(self.raw).get("step_details"))
        if not details:
            return None
        creation = Fields(message_id=self.message_id) if self.message_id else None
        calls = None if creation else self.tool_calls
        type_ = parsing.text(details.get("type")) or self.type
        return Fields({**details, "type": type_, "message_creation": creation, "tool_calls": calls})

    @property
    def kind(self) -> str:
        """Names a kind for display: `message`, the kind that all tool calls have, or `other`."""
        return (
            "message"
            if self.type == "message_creation" or self.message_id
            else kind_in_common(call.kind for call in self.tool_calls)
        )

    @property
    def ended_at(self) -> datetime | None:
        return self.completed_at or self.failed_at or self.cancelled_at or self.expired_at

    @property
    def duration_s(self) -> float | None:
        """Counts the seconds from creation to the end: a step has no start of its own."""
        return parsing.seconds_between(self.created_at, self.ended_at)


def sorted_steps(steps: Iterable[RunStep]) -> list[RunStep]:
    """Sorts steps, oldest first; within a second tool calls come before messages."""
    return sorted(steps, key=lambda step: (step.created_at or _FAR_FUTURE, step.type == "message_creation"))


def _type_of(step: dict[str, Any], details: dict[str, Any]) -> str:
    for named in (step.get("type"), details.get("type")):
        if isinstance(named, str) and named:
            return named
    return parsing.only_key(details) or ""


def _status_of(step: dict[str, Any]) -> StepStatus | UnknownStatus:
    """Reads the status; of a server that gives steps none, the times tell it."""
    if step.get("status"):
        return step_status(step["status"])
    ended = (status for name, status in _END_MOMENTS.items() if parsing.moment(step.get(name)))
    return next(ended, StepStatus.IN_PROGRESS)


def _deadline_passed(step: dict[str, Any]) -> datetime | None:
    """Reads when a step expired of a server that says when it was to (`expires_at`) and no more."""
    has_expired = _status_of(step) == StepStatus.EXPIRED
    return parsing.moment(step.get("expires_at")) if has_expired else None


def _calls_in(details: dict[str, Any], type_: str) -> list[Any]:
    """Finds calls under the step's own key, `tool_calls` or `activities`; a lone object is one call."""
    for name in (type_, "tool_calls", "activities"):
        found = details.get(name)
        if isinstance(found, list):
            return [call for call in found if isinstance(call, dict) and call]
        if isinstance(found, dict) and found and name != "message_creation":
            return [{"type": name, name: found}]
    return []


def _message_id(step: dict[str, Any], details: dict[str, Any]) -> str | None:
    creation = parsing.mapping(details.get("message_creation"))
    return parsing.identifier(creation.get("message_id")) or parsing.identifier(step.get("message_id"))
