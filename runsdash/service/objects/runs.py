"""Reads a run and its parts, of whatever shape a server gave them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from runsdash.service.statuses import RunStatus, UnknownStatus, run_status

from ..json_types import Json
from . import parsing
from .fields import ApiObject, Fields, part, parts, word_or_part
from .tool_calls import ToolCall, once_each


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage(ApiObject):
    """Counts tokens used. Each count is None when the server does not say."""

    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    cached_tokens: int | None
    raw: Json = field(repr=False)

    @classmethod
    def from_raw(cls, raw: Json) -> "Usage | None":
        """Reads a usage; None unless there is at least one count, so that none is shown as 0."""
        counts = parsing.mapping(raw)
        prompt = _first_integer(counts, "prompt_tokens", "input_tokens")
        completion = _first_integer(counts, "completion_tokens", "output_tokens")
        total = parsing.integer(counts.get("total_tokens"))
        if total is None and prompt is not None and completion is not None:
            total = prompt + completion
        if prompt is None and completion is None and total is None:
            return None
        cached = _cached_tokens(counts)
        return cls(
            prompt_tokens=prompt,
            completion_tokens=completion,
            total_tokens=total,
            cached_tokens=cached,
            raw=raw,
        )

    @property
    def prompt_tokens_details(self) -> Fields | None:
        counts = parsing.mapping(self.raw)
        return next((details for name in _PROMPT_DETAILS if (details := part(counts.get(name)))), None)

    @property
    def completion_tokens_details(self) -> Fields | None:
        counts = parsing.mapping(self.raw)
        return part(counts.get("completion_tokens_details")) or part(counts.get("output_tokens_details"))


@dataclass(frozen=True, slots=True, kw_only=True)
class LastError(ApiObject):
    """Tells why a run or step failed; `code` is any word."""

    code: str
    message: str
    raw: Json = field(repr=False)

    @classmethod
    def from_raw(cls, raw: Json) -> "LastError | None":
        if isinstance(raw, str) and raw:
            return cls(code="", message=raw, raw=raw)
        found = parsing.mapping(raw)
        if not found:
            return None
        code = parsing.json_text(found.get("code")) or ""
        return cls(code=code, message=parsing.json_text(found.get("message")) or "", raw=raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredAction(ApiObject):
    """Names what a run waits for: tool outputs, or approvals (`is_approval`)."""

    type: str
    tool_calls: list[ToolCall]
    raw: Json = field(repr=False)

    @classmethod
    def from_raw(cls, raw: Json) -> "RequiredAction | None":
        """Reads a required action; None for null, `{}` and anything that is no object."""
        found = parsing.mapping(raw)
        if not found:
            return None
        named = found.get("type")
        type_ = named if isinstance(named, str) and named else parsing.only_key(found) or ""
        calls = parsing.listing(parsing.mapping(found.get(type_)).get("tool_calls"))
        return cls(type=type_, tool_calls=[ToolCall.from_raw(call) for call in calls if call], raw=raw)

    @property
    def submit_tool_outputs(self) -> Fields | None:
        return Fields(tool_calls=self.tool_calls) if self.type == "submit_tool_outputs" else None

    @property
    def submit_tool_approval(self) -> Fields | None:
        return Fields(tool_calls=self.tool_calls) if self.is_approval else None

    @property
    def is_approval(self) -> bool:
        return self.type == "submit_tool_approval"


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Says that a reply was, byte for byte, the one whose digest the caller knows. Nothing was parsed."""

    reply_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(ApiObject):
    """Holds a run. Times are aware UTC; `raw` is the JSON as received."""

    id: str
    thread_id: str | None
    assistant_id: str | None
    status: RunStatus | UnknownStatus
    created_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    failed_at: datetime | None
    cancelled_at: datetime | None
    expires_at: datetime | None
    model: str | None
    instructions: str | None
    tools: list[Fields]
    metadata: dict[str, str]
    usage: Usage | None
    last_error: LastError | None
    required_action: RequiredAction | None
    incomplete_reason: str | None
    temperature: float | None
    top_p: float | None
    max_prompt_tokens: int | None
    max_completion_tokens: int | None
    truncation_strategy: Fields | None
    tool_choice: str | Fields | None
    parallel_tool_calls: bool | None
    response_format: str | Fields | None
    raw: Json = field(repr=False)
    reply_digest: str = field(default="", repr=False, compare=False)  # of the reply it was read from, where asked for

    @classmethod
    def from_raw(cls, raw: Json) -> "Run":
        run = parsing.mapping(raw)
        return cls(
            id=parsing.identifier(run.get("id")) or "",
            thread_id=parsing.identifier(run.get("thread_id")),
            assistant_id=parsing.identifier(run.get("assistant_id")) or parsing.identifier(run.get("agent_id")),
            status=run_status(run.get("status")),
            **{name: parsing.moment(run.get(name)) for name in _MOMENTS},
            model=parsing.text(run.get("model")),
            instructions=parsing.text(run.get("instructions")),
            tools=parts(run.get("tools")) or [],
            metadata=parsing.metadata(run),
            usage=Usage.from_raw(run.get("usage")),
            last_error=LastError.from_raw(run.get("last_error")),
            required_action=RequiredAction.from_raw(run.get("required_action")),
            incomplete_reason=incomplete_reason(run.get("incomplete_details")),
            temperature=parsing.number(run.get("temperature")),
            top_p=parsing.number(run.get("top_p")),
            max_prompt_tokens=parsing.integer(run.get("max_prompt_tokens")),
            max_completion_tokens=parsing.integer(run.get("max_completion_tokens")),
            truncation_strategy=part(run.get("truncation_strategy")) or None,
            tool_choice=word_or_part(run.get("tool_choice")),
            parallel_tool_calls=parsing.flag(run.get("parallel_tool_calls")),
            response_format=word_or_part(run.get("response_format")),
            raw=raw,
            reply_digest="",
        )

    @property
    def is_terminal(self) -> bool:
        return self.status.is_terminal

    @property
    def is_active(self) -> bool:
        return self.status.is_active

    @property
    def can_be_cancelled(self) -> bool:
        return self.status.can_be_cancelled

    @property
    def incomplete_details(self) -> Fields | None:
        return incomplete_details(self.raw)

    @property
    def pending_calls(self) -> list[ToolCall]:
        """Lists the calls the run waits for, repeats left out. A server may leave them in a run that waits no more."""
        waits = self.status.is_waiting or not self.status.is_known
        return once_each(self.required_action.tool_calls) if waits and self.required_action else []

    @property
    def ended_at(self) -> datetime | None:
        """Tells when a terminal run ended; for an expired one its deadline, when the server kept it."""
        if not self.is_terminal:
            return None
        own = parsing.moment(parsing.mapping(self.raw).get(f"{self.status}_at"))
        last = self.expires_at if self.status == RunStatus.EXPIRED else None
        return own or self.completed_at or self.failed_at or self.cancelled_at or last

    @property
    def queue_s(self) -> float | None:
        """Counts the seconds from creation to start."""
        return parsing.seconds_between(self.created_at, self.started_at)

    @property
    def duration_s(self) -> float | None:
        """Counts the seconds from start (or creation) to the end; None while the run is active."""
        return parsing.seconds_between(self.started_at or self.created_at, self.ended_at)


_PROMPT_DETAILS = ("prompt_token_details", "prompt_tokens_details", "input_tokens_details")
_MOMENTS = ("created_at", "started_at", "completed_at", "failed_at", "cancelled_at", "expires_at")


def incomplete_details(raw: Json) -> Fields | None:
    """Reads why a run or message is incomplete, by the API's name; a bare reason becomes an object."""
    details = parsing.mapping(raw).get("incomplete_details")
    return Fields(reason=details) if isinstance(details, str) and details else part(details)


def incomplete_reason(details: Json) -> str | None:
    """Reads `incomplete_details`, an object with a reason or, on some servers, the reason itself."""
    reason = details.get("reason") if isinstance(details, dict) else details
    return reason if isinstance(reason, str) and reason else None


def _first_integer(counts: dict[str, Any], *names: str) -> int | None:
    for name in names:
        count = parsing.integer(counts.get(name))
        if count is not None:
            return count
    return None


def _cached_tokens(counts: dict[str, Any]) -> int | None:
    for name in _PROMPT_DETAILS:
        details = counts.get(name)
        cached = parsing.integer(details.get("cached_tokens")) if isinstance(details, dict) else None
        if cached is not None:
            return cached
    return None
