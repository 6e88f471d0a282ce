"""Reads threads, assistants, what a deletion answers, and the content of a file."""

from dataclasses import dataclass, field
from datetime import datetime

from ..json_types import Json
from . import parsing
from .fields import ApiObject, Fields, parts, word_or_part


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread(ApiObject):
    """Holds a thread. `title` is given by a few servers only."""

    id: str
    created_at: datetime | None
    metadata: dict[str, str]
    tool_resources: Fields
    title: str | None
    raw: Json = field(repr=False)

    @classmethod
    def from_raw(cls, raw: Json) -> "Thread":
        thread = parsing.mapping(raw)
        return cls(
            id=parsing.identifier(thread.get("id")) or "",
            created_at=parsing.moment(thread.get("created_at")),
            metadata=parsing.metadata(thread),
            tool_resources=Fields(parsing.mapping(thread.get("tool_resources"))),
            title=parsing.text(thread.get("title")),
            raw=raw,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Assistant(ApiObject):
    """Holds an assistant. `tools` are its definitions as received."""

    id: str
    created_at: datetime | None
    name: str | None
    description: str | None
    model: str | None
    instructions: str | None
    tools: list[Fields]
    tool_resources: Fields
    metadata: dict[str, str]
    temperature: float | None
    top_p: float | None
    response_format: str | Fields | None
    raw: Json = field(repr=False)

    @classmethod
    def from_raw(cls, raw: Json) -> "Assistant":
        assistant = parsing.mapping(raw)
        return cls(
            id=parsing.identifier(assistant.get("id")) or "",
            created_at=parsing.moment(assistant.get("created_at")),
            **{name: parsing.text(assistant.get(name)) for name in ("name", "description", "model", "instructions")},
            tools=parts(assistant.get("tools")) or [],
            tool_resources=Fields(parsing.mapping(assistant.get("tool_resources"))),
            metadata=parsing.metadata(assistant),
            temperature=parsing.number(assistant.get("temperature")),
            top_p=parsing.number(assistant.get("top_p")),
            response_format=word_or_part(assistant.get("response_format")),
            raw=raw,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted(ApiObject):
    """Holds the answer to a deletion."""

    id: str
    deleted: bool
    raw: Json = field(repr=False)

    @classmethod
    def from_raw(cls, raw: Json) -> "Deleted":
        answer = parsing.mapping(raw)
        return cls(id=parsing.identifier(answer.get("id")) or "", deleted=answer.get("deleted") is not False, raw=raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileContent:
    """Holds a file's bytes and the content type the server claims; both are untrusted."""

    file_id: str
    content: bytes
    content_type: str
