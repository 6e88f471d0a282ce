"""Turns SSE frames into `StreamEvent`s: finds the event's name and gives its data a type.

Names come from the `event:` line, from the JSON's own `event` key, or from the object's type, in this
order (docs/protocol.md). Unknown events pass through with their JSON.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from runsdash.service.objects.parsing import identifier, listing, mapping, text_value

from .decoding import Undecodable, decode_json
from .json_types import Json
from .objects import Message, Run, RunStep, Thread

DONE = "done"
ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """Holds a piece of a message or step. `text` is the message text in it, if any."""

    id: str | None
    text: str
    raw: Json = field(repr=False)

    @classmethod
    def from_raw(cls, raw: Json) -> "Delta":
        event = mapping(raw)
        parts = listing(mapping(event.get("delta")).get("content"))
        text = "".join(text_value(mapping(part).get("text")) for part in parts)
        return cls(id=identifier(event.get("id")), text=text, raw=raw)


StreamedObject: TypeAlias = Delta | Run | RunStep | Message | Thread


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEvent:
    """Holds an event. `data` is a Run, RunStep, Message, Thread or Delta, else the JSON as received."""

    name: str
    data: StreamedObject | Json
    raw: Json = field(repr=False)


_TYPES: tuple[tuple[str, type[StreamedObject]], ...] = (
    ("thread.run.step.delta", Delta),
    ("thread.message.delta", Delta),
    ("thread.run.step.", RunStep),
    ("thread.run.", Run),
    ("thread.message.", Message),
    ("thread.created", Thread),
)


def events_of(name: str | None, lines: list[str], *, raw: bool = False) -> Iterator[StreamEvent]:
    """Yields the events in one frame: mostly one. Lines that are JSON each by itself are events each."""
    text = "\n".join(lines)
    if name == DONE or text.strip() == "[DONE]":
        yield StreamEvent(name=DONE, data=None, raw=text)
        return
    try:
        value = decode_json(text.encode("utf-8", "replace"))
    except Undecodable:
        if len(lines) > 1:
            for line in lines:
                yield from events_of(name, [line], raw=raw)
        elif text:
            yield StreamEvent(name=name or "message", data=text, raw=text)
        return
    yield _event(name, value, raw)


def run_event(value: dict[str, Any], *, raw: bool = False) -> StreamEvent:
    """Makes the event that a plain JSON run stands for, from a server that does not stream."""
    return _event(None, {"object": "thread.run", **value}, raw)


def _event(name: str | None, value: Json, raw: bool) -> StreamEvent:
    if isinstance(value, dict) and "data" in value:
        own_name = value.get("event")
        if isinstance(own_name, str) and name in (None, "message", own_name):
            name, value = own_name, value["data"]
    if name == DONE or value == "[DONE]":
        return StreamEvent(name=DONE, data=None, raw=value)
    name = name or _name_by_object(value)
    kind = next((kind for prefix, kind in _TYPES if name.startswith(prefix)), None)
    if kind is None or raw or not isinstance(value, dict):
        return StreamEvent(name=name, data=value, raw=value)
    return StreamEvent(name=name, data=kind.from_raw(value), raw=value)


def _name_by_object(value: Json) -> str:
    found = mapping(value)
    type_, status = found.get("object"), found.get("status")
    if not isinstance(type_, str) or not type_.startswith("thread"):
        return ERROR if "error" in found else "message"
    if type_ == "thread":
        return "thread.created"
    return f"{type_}.{status}" if isinstance(status, str) and not type_.endswith(".delta") else type_
