"""Defines messages of the shape that nearly all have, plain texts. They answer as `service.objects.Message`."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from runsdash.index.storage.previews import MAX_CALLS

from .fields import MaybeWord, Second, Short, Word, moment

Nothing = Annotated[list[str], Meta(max_length=0)]


class TextValue(Struct, forbid_unknown_fields=True):
    value: str
    annotations: Nothing = []


class UsualPart(Struct, forbid_unknown_fields=True, tag_field="type", tag="text"):
    body: TextValue = field(name="text")

    type, refusal, annotations = "text", None, ()

    @property
    def text(self) -> str:
        return self.body.value


class UsualMessage(Struct, forbid_unknown_fields=True):
    id: Word
    object: Literal["thread.message"]
    created_s: Second = field(name="created_at")
    thread_id: Word
    role: Short
    content: Annotated[list[UsualPart], Meta(max_length=MAX_CALLS)]
    run_id: MaybeWord = None
    assistant_id: MaybeWord = None
    status: Annotated[str, Meta(max_length=40)] | None = None
    completed_at: Second | None = None
    incomplete_at: Second | None = None
    incomplete_details: None = None
    attachments: Nothing = []
    metadata: dict[str, str] | None = None

    incomplete_reason = None

    @property
    def created_at(self) -> datetime | None:
        return moment(self.created_s)
