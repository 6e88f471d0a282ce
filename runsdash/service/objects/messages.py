"""Reads a message of a thread, its content parts and annotations."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from ..json_types import Json
from . import parsing
from .fields import ApiObject, Fields, ObjectText, part, parts
from .runs import incomplete_details, incomplete_reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation(ApiObject):
    """Marks a stretch of text: a citation of a file or URL, or the path of a made file."""

    type: str
    text: str
    start_index: int | None
    end_index: int | None
    file_id: str | None
    quote: str | None
    url: str | None
    title: str | None
    raw: Json = field(repr=False)

    @classmethod
    def from_raw(cls, raw: Json, *, offset: int = 0) -> "Annotation":
        """Reads a mark. `offset` is where its text begins in the whole."""
        mark = parsing.mapping(raw)
        type_ = parsing.text(mark.get("type")) or ""
        body = parsing.mapping(mark.get(type_))
        return cls(
            type=type_,
            text=parsing.text(mark.get("text")) or "",
            start_index=_index(mark.get("start_index"), offset),
            end_index=_index(mark.get("end_index"), offset),
            file_id=parsing.identifier(body.get("file_id")),
            quote=parsing.text(body.get("quote")),
            url=parsing.text(body.get("url")),
            title=parsing.text(body.get("title")),
            raw=raw,
        )

    @property
    def file_citation(self) -> Fields | None:
        return part(parsing.mapping(self.raw).get("file_citation"))

    @property
    def file_path(self) -> Fields | None:
        return part(parsing.mapping(self.raw).get("file_path"))

    @property
    def url_citation(self) -> Fields | None:
        return part(parsing.mapping(self.raw).get("url_citation"))


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageContent(ApiObject):
    """Holds one part of a message: text, an image or a refusal; unknown types keep `raw`.

    `text` and `image_url` are plain strings that also answer as in the API: `.text.value`, `.text.annotations`,
    `.image_url.url`.
    """

    type: str
    text: ObjectText
    annotations: list[Annotation]
    image_file_id: str | None
    image_url: ObjectText | None
    refusal: str | None
    raw: Json = field(repr=False)

    @classmethod
    def from_raw(cls, raw: Json) -> "MessageContent":
        given = {"type": "text", "text": raw} if isinstance(raw, str) else parsing.mapping(raw)
        if "value" in given and "text" not in given:
            given = {"type": "text", **given, "text": given}
        named = given.get("type")
        type_ = named if isinstance(named, str) and named else parsing.only_key(given, besides=("index",)) or ""
        body = given.get("text")
        annotations, text = list(_annotations_of(body)), parsing.text_value(body)
        return cls(
            type=type_,
            text=ObjectText(text, {"value": text, "annotations": annotations}),
            annotations=annotations,
            image_file_id=parsing.identifier(parsing.mapping(given.get("image_file")).get("file_id")),
            image_url=_url_of(given.get("image_url")),
            refusal=parsing.text(given.get("refusal")),
            raw=raw,
        )

    @property
    def image_file(self) -> Fields | None:
        return part(parsing.mapping(self.raw).get("image_file"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(ApiObject):
    """Holds a message. `text` joins its text parts; a message a run wrote carries `run_id`."""

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
    attachments: list[Fields]
    metadata: dict[str, str]
    raw: Json = field(repr=False)

    @classmethod
    def from_raw(cls, raw: Json) -> "Message":
        message = parsing.mapping(raw)
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
            content=[MessageContent.from_raw(item) for item in parsing.several(message.get("content"))],
            attachments=parts(message.get("attachments")) or [],
            metadata=parsing.metadata(message),
            raw=raw,
        )

    @property
    def text(self) -> str:
        return "\n\n".join(item.text for item in self.content if item.text)

    @property
    def incomplete_details(self) -> Fields | None:
        return incomplete_details(self.raw)


def _annotations_of(body: Json) -> Iterator[Annotation]:
    """Reads the marks of a text, or of each in a list of texts."""
    offset = 0
    for text in parsing.several(body):
        marks = parsing.listing(parsing.mapping(text).get("annotations"))
        yield from (Annotation.from_raw(mark, offset=offset) for mark in marks if isinstance(mark, dict))
        offset += len(parsing.text_value(text))


def _index(value: Json, offset: int) -> int | None:
    index = parsing.integer(value)
    return None if index is None else index + offset


def _url_of(image: Json) -> ObjectText | None:
    url = parsing.text(parsing.mapping(image).get("url"))
    return None if url is None else ObjectText(url, parsing.mapping(image))
