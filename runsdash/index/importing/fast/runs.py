"""Defines runs of the shape that nearly all have, waiting for nothing. They answer as `service.objects.Run`."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct, field

from runsdash.index import run_states
from runsdash.index.run_columns import ERROR_CHARS
from runsdash.index.storage.storable_text import ID_CHARS
from runsdash.service.statuses import RunStatus

from .fields import MaybeWord, Second, UsualUsage, Word, moment


class Error(Struct, forbid_unknown_fields=True):
    code: Annotated[str, Meta(max_length=ID_CHARS)]
    message: Annotated[str, Meta(max_length=ERROR_CHARS)]


class Incomplete(Struct, forbid_unknown_fields=True):
    reason: Word


class UsualRun(Struct, forbid_unknown_fields=True):
    id: Word
    object: Literal["thread.run"]
    created_s: Second = field(name="created_at")
    thread_id: Word
    status: RunStatus
    assistant_id: MaybeWord = None
    model: MaybeWord = None
    instructions: str | None = None
    started_s: Second | None = field(name="started_at", default=None)
    expires_s: Second | None = field(name="expires_at", default=None)
    cancelled_at: Second | None = None
    failed_at: Second | None = None
    completed_at: Second | None = None
    required_action: None = None
    last_error: Error | None = None
    incomplete_details: Incomplete | None = None
    usage: UsualUsage | None = None
    metadata: dict[str, str] | None = None
    # Parameters: pages read them out of the body.
    tools: Raw = Raw()
    tool_resources: Raw = Raw()
    temperature: Raw = Raw()
    top_p: Raw = Raw()
    max_prompt_tokens: Raw = Raw()
    max_completion_tokens: Raw = Raw()
    truncation_strategy: Raw = Raw()
    tool_choice: Raw = Raw()
    parallel_tool_calls: Raw = Raw()
    response_format: Raw = Raw()
    reasoning_effort: Raw = Raw()

    pending_calls = ()

    @property
    def created_at(self) -> datetime | None:
        return moment(self.created_s)

    @property
    def started_at(self) -> datetime | None:
        return moment(self.started_s)

    @property
    def expires_at(self) -> datetime | None:
        return moment(self.expires_s)

    @property
    def incomplete_reason(self) -> str | None:
        return self.incomplete_details.reason if self.incomplete_details else None

    @property
    def is_terminal(self) -> bool:
        return self.status.is_terminal

    @property
    def ended_at(self) -> datetime | None:
        if not self.status.is_terminal:
            return None
        own = {run_states.FAILED: self.failed_at, run_states.CANCELLED: self.cancelled_at}.get(self.status)
        last = self.expires_s if self.status == run_states.EXPIRED else None
        return moment(own or self.completed_at or self.failed_at or self.cancelled_at or last)
