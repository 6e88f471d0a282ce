"""A message of a thread, its content parts and annotations (API.md section 3.3)."""

from dataclasses import dataclass, field
from datetime import datetime

from . import parsing
from .runs import incomplete_reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A mark on a stretch of text: a citation of a file or URL, or the path of a made file."""

    type: str
    text: str
    start_index: int | None
    end_index: int | None
    file_id: str | None
    quote: str | None
    url: str | None
    title: str | None
    raw: object = field(repr=False)

    @classmethod
    def from_raw(cls, raw: object) -> "Annotation":
        mark = parsing.mapping(raw)
        type_ = parsing.text(mark.get("type")) or ""
        body = parsing.mapping(mark.get(type_))
        return cls(
            type=type_,
            text=parsing.text(mark.get("text")) or "",
            start_index=parsing.integer(mark.get("start_index")),
            end_index=parsing.integer(mark.get("end_index")),
            file_id=parsing.identifier(body.get("file_id")),
            quote=parsing.text(body.get("quote")),
            url=parsing.text(body.get("url")),
            title=parsing.text(body.get("title")),
            raw=raw,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageContent:
    """One part of a message: text, an image (by file or URL) or a refusal; unknown types keep `raw`."""

    type: str
    text: str
    annotations: list[Annotation]
    image_file_id: str | None
    image_url: str | None
    refusal: str | None
    raw: object = field(repr=False)

    @classmethod
    def from_raw(cls, raw: object) -> "MessageContent":
        part = {"type": "text", "text": raw} if isinstance(raw, str) else parsing.mapping(raw)
        named = part.get("type")
        type_ = named if isinstance(named, str) and named else parsing.only_key(part, besides=("index",)) or ""
        body = part.get("text")
        marks = parsing.listing(parsing.mapping(body).get("annotations"))
        return cls(
            type=type_,
            text=_text_of(body),
            annotations=[Annotation.from_raw(mark) for mark in marks if isinstance(mark, dict)],
            image_file_id=parsing.identifier(parsing.mapping(part.get("image_file")).get("file_id")),
            image_url=parsing.text(parsing.mapping(part.get("image_url")).get("url")),
            refusal=parsing.text(part.get("refusal")),
            raw=raw,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message. `text` joins its text parts; a message a run wrote carries `run_id`."""

    id: str
    thread_id: str | None
    run_id: str | None
    assistant_id: str | None
    role: str
    status: str
    created_at: datetime | None
    completed_at: datetime | None
    incomplete_at: datetime | None
    incomplete_reason: str | None
    content: list[MessageContent]
    attachments: list[dict]
    metadata: dict[str, str]
    raw: object = field(repr=False)

    @classmethod
    def from_raw(cls, raw: object) -> "Message":
        message = parsing.mapping(raw)
        parts = message.get("content")
        parts = [parts] if isinstance(parts, str) else parsing.listing(parts)
        attachments = parsing.listing(message.get("attachments"))
        return cls(
            id=parsing.identifier(message.get("id")) or "",
            thread_id=parsing.identifier(message.get("thread_id")),
            run_id=parsing.identifier(message.get("run_id")),
            assistant_id=parsing.identifier(message.get("assistant_id")) or parsing.identifier(message.get("agent_id")),
            role=parsing.text(message.get("role")) or "",
            status=parsing.text(message.get("status")) or "",
            created_at=parsing.moment(message.get("created_at")),
            completed_at=parsing.moment(message.get("completed_at")),
            incomplete_at=parsing.moment(message.get("incomplete_at")),
            incomplete_reason=incomplete_reason(message.get("incomplete_details")),
            content=[MessageContent.from_raw(part) for part in parts],
            attachments=[item for item in attachments if isinstance(item, dict)],
            metadata=parsing.strings(message.get("metadata")),
            raw=raw,
        )

    @property
    def text(self) -> str:
        return "\n\n".join(part.text for part in self.content if part.text)


def _text_of(body: object) -> str:
    """`{value, annotations}`, or a plain string as in requests and on some servers."""
    if isinstance(body, str):
        return body
    return parsing.text(parsing.mapping(body).get("value")) or ""
