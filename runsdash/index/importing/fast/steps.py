"""Defines steps of the shapes that nearly all have. They answer as `service.objects.RunStep`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct, field

from runsdash.index import run_states
from runsdash.service.objects.tool_calls import kind_in_common

from .calls import Call, CallDetails
from .fields import Second, Short, UsualUsage, Word, moment


class Creation(Struct, forbid_unknown_fields=True):
    message_id: Word


class CreationDetails(Struct, forbid_unknown_fields=True, tag_field="type", tag="message_creation"):
    message_creation: Creation


class UsualStep(Struct, forbid_unknown_fields=True):
    id: Word
    object: Literal["thread.run.step"]
    created_s: Second = field(name="created_at")
    run_id: Word
    type: Literal["tool_calls", "message_creation"]
    status: Short
    step_details: CallDetails | CreationDetails
    assistant_id: str | None = None
    thread_id: str | None = None
    cancelled_at: Second | None = None
    completed_at: Second | None = None
    expired_at: Second | None = None
    failed_at: Second | None = None
    expires_at: Second | None = None
    last_error: None = None
    usage: UsualUsage | None = None
    metadata: dict[str, str] | None = None

    @property
    def created_at(self) -> datetime | None:
        return moment(self.created_s)

    @property
    def ended_at(self) -> datetime | None:
        last = self.expires_at if self.status == run_states.EXPIRED else None
        return moment(self.completed_at or self.failed_at or self.cancelled_at or self.expired_at or last)

    @property
    def kind(self) -> str:
        return kind_in_common(call.kind for call in self.tool_calls) if self.type == "tool_calls" else "message"

    @property
    def tool_calls(self) -> Sequence[Call]:
        return self.step_details.tool_calls if isinstance(self.step_details, CallDetails) else ()

    @property
    def message_id(self) -> str | None:
        details = self.step_details
        return details.message_creation.message_id if isinstance(details, CreationDetails) else None


DETAILS = {"tool_calls": CallDetails, "message_creation": CreationDetails}
