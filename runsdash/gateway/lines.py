"""Reads what an application sent as objects with their age, each with the number of its line.

A line is a line of JSON lines, an item of an array or a list reply, or an event of a stream. No database.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import Any, NamedTuple, cast

from runsdash.index.importing.json_documents import is_document, lines_of_documents, may_be_list, values_of_list
from runsdash.index.importing.read_line import BadLine, Context, ImportLine, read_line
from runsdash.index.storage.storable_text import dumped
from runsdash.service.json_types import JsonObject
from runsdash.service.objects.parsing import identifier, mapping, moment
from runsdash.service.sse import frames
from runsdash.service.stream import Accumulated
from runsdash.service.stream_events import StreamEvent, events_of

OBJECTS_MAX = 10_000
STREAM_STARTS = (b"event:", b"data:", b"id:", b"retry:", b":")
STREAM_PARTS = ("thread.run.step", "thread.message")


class NotReadable(ValueError):
    """Says that a body holds nothing that could be read. The message is a sentence."""


class Refusal(NamedTuple):
    """Says why a line was not taken."""

    line: int
    message: str


class Placed(NamedTuple):
    """Holds an object and the number of its line."""

    line: int
    object: ImportLine

    @property
    def value(self) -> JsonObject:
        return cast(JsonObject, self.object.value)  # `read_line` makes no Struct


def lines_of(body: bytes, *, content_type: str | None, now: datetime) -> tuple[list[Placed], list[Refusal]]:
    """Returns the objects of a body and what is none. Raises NotReadable when there is nothing, or too much."""
    found: list[Placed] = []
    refused: list[Refusal] = []
    context = Context(connection_id=0, now=now)
    for number, text in numbered(body, is_stream=is_stream(body, content_type)):
        if len(found) + len(refused) >= OBJECTS_MAX:
            raise NotReadable(f"A request may hold {OBJECTS_MAX} objects. Nothing of this one was taken.")
        try:
            found.append(Placed(number, of_stated_age(read_line(text, read_at=now, context=context))))
        except BadLine as error:
            refused.append(Refusal(number, f"Line {number} was refused: {error}."))
    if not found and not refused:
        raise NotReadable("The body holds no object. Send JSON, JSON lines, or the text of a stream.")
    return found, refused


def of_stated_age(line: ImportLine) -> ImportLine:
    """Takes the age out of the object, where the sender states one in whatever spelling of JSON."""
    if not isinstance(line.value, dict) or "_fetched_at" not in line.value:
        return line
    stated = moment(line.value.pop("_fetched_at"))
    return line._replace(fetched_at=min(stated, line.fetched_at) if stated else line.fetched_at)


def is_stream(body: bytes, content_type: str | None) -> bool:
    return content_type == "text/event-stream" or body.lstrip().startswith(STREAM_STARTS)


def numbered(body: bytes, *, is_stream: bool) -> Iterator[tuple[int, bytes]]:
    """Yields the JSON of each object with the number of its line."""
    if is_stream:
        yield from StreamObjects().of(body)
    elif is_document(body):
        values = lines_of_documents(BytesIO(body))
        yield from enumerate((one for value in values for one in opened(value)), start=1)
    else:
        for number, line in enumerate(body.split(b"\n"), start=1):
            yield from ((number, one) for one in opened(line.strip()) if one)


def opened(value: bytes) -> list[bytes]:
    """Returns the items of a list reply or an array; anything else is its own item."""
    items = values_of_list(value) if may_be_list(value) else None
    return [value] if items is None else items


@dataclass
class StreamObjects:
    """Makes objects of the events of streams: runs and threads as they come, steps and messages once they are whole.

    What a stream leaves out of a piece (whose it is, when only its deltas came) is known from its run.
    """

    parts: Accumulated = field(default_factory=Accumulated)
    run: Mapping[str, Any] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)  # of the last event of a step or message

    def of(self, body: bytes) -> Iterator[tuple[int, bytes]]:
        for number, (name, data) in enumerate(frames([body]), start=1):
            for event in events_of(name, data, raw=True):
                yield from self.taken(number, event)
        for kind, whole in (("thread.run.step", self.parts.steps), ("thread.message", self.parts.messages)):
            for part in whole:
                owner = {"object": kind, "thread_id": self.run.get("thread_id"), "run_id": self.run.get("id")}
                yield self.lines.get(part.id, 0), dumped({**owner, **mapping(part.raw)})

    def taken(self, number: int, event: StreamEvent) -> Iterator[tuple[int, bytes]]:
        value = mapping(event.raw)
        if event.name.startswith(STREAM_PARTS):
            self.parts.take(event)
            self.lines[identifier(value.get("id")) or ""] = number
        elif event.name.startswith("thread.run."):
            self.run = value
            yield number, dumped({"object": "thread.run", **value})
        elif event.name == "thread.created":
            yield number, dumped({"object": "thread", **value})
