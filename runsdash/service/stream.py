"""Follows a run as it happens: yields typed events and accumulates them on the way.

Owns the growing copies of run, steps and messages and the end of the connection. It never attaches to a
run already going (the API cannot); closing it does not cancel the run.
"""

import threading
from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType
from typing import Any

from runsdash.service.objects.parsing import identifier, mapping
from runsdash.service.statuses import RunStatus, run_status

from .calls import Call
from .decoding import Undecodable, decode_json, error_field, error_text
from .errors import ServiceError, UpstreamFailed
from .exchange import Exchange
from .json_types import Json
from .merging import merge, settled
from .objects import LastError, Message, Run, RunStep, Thread, sorted_steps
from .refusals import SHOWN_FROM_BYTES, another, what_came
from .sse import frames
from .stream_events import DONE, ERROR, StreamEvent, events_of, run_event


class Accumulated:
    """Accumulates what a stream has sent so far. May be read from another thread, a few times a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.run: Run | None = None
        self.thread: Thread | None = None
        self._messages: dict[str, dict[str, Any]] = {}
        self._steps: dict[str, dict[str, Any]] = {}
        self._finished: set[str] = set()

    @property
    def messages(self) -> list[Message]:
        """Lists messages in the order they began."""
        with self._lock:
            return [Message.from_raw(settled(tree)) for tree in self._messages.values()]

    @property
    def steps(self) -> list[RunStep]:
        with self._lock:
            return sorted_steps(RunStep.from_raw(settled(tree)) for tree in self._steps.values())

    @property
    def text(self) -> str:
        """Joins the text of all messages the run wrote, with a blank line between messages."""
        written = (message.text for message in self.messages if message.role != "user")
        return "\n\n".join(text for text in written if text)

    def take(self, event: StreamEvent) -> None:
        """Adds one event; what does not fit is ignored."""
        value = mapping(event.raw)
        known_id = identifier(value.get("id"))
        if known_id is None:
            return
        if event.name == "thread.created":
            self.thread = Thread.from_raw(value)
        elif event.name.startswith("thread.run.step"):
            with self._lock:
                self._take_part(event.name, known_id, value, self._steps, "step_details")
        elif event.name.startswith("thread.message"):
            with self._lock:
                self._take_part(event.name, known_id, value, self._messages, "content")
        elif event.name.startswith("thread.run.") and (self.run is None or self.run.id == known_id):
            self.run = Run.from_raw(value)

    def _take_part(
        self, name: str, known_id: str, value: dict[str, Any], parts: dict[str, dict[str, Any]], body: str
    ) -> None:
        if name.endswith(".delta"):
            if known_id not in self._finished:
                merge(parts.setdefault(known_id, {"id": known_id}), mapping(value.get("delta")))
            return
        grown = parts.get(known_id, {}).get(body)
        parts[known_id] = settled(value)
        if grown and _is_bare(value.get(body)):
            parts[known_id][body] = grown
        if run_status(name.rpartition(".")[2]).is_terminal:
            self._finished.add(known_id)


class RunStream(Accumulated):
    """Yields `StreamEvent`s (`.name`, `.data`); `.run .text .steps .messages` grow meanwhile.

    After the stream is open nothing is raised while iterating: an `error` event, a broken connection or
    too long a silence ends it and sets `.error`. `until_done()` reads to the end and raises that error.
    Use it in a `with`, or call `close()`, which may come from another thread.
    """

    def __init__(self, exchange: Exchange, call: Call, *, raw: bool = False) -> None:
        super().__init__()
        self._call = call
        self.request_id = exchange.request_id
        self.error: ServiceError | None = None
        self.last_error: LastError | None = None  # what an `error` event said
        self.is_done = False
        self.is_silent = False  # the server took the request and sent no event
        self.is_plain = False  # the server ignored `stream` and sent the run as JSON
        self._exchange = exchange
        self._raw = raw
        self._is_closed = False
        self._reading = threading.Lock()
        self._head = b""
        self._events = self._read()

    def __iter__(self) -> Iterator[StreamEvent]:
        return self

    def __next__(self) -> StreamEvent:
        with self._reading:
            try:
                return next(self._events)
            finally:
                if self._is_closed:
                    self._exchange.close()

    @property
    def is_complete(self) -> bool:
        """Tells whether the stream said that it is done, or the run stands where streams end."""
        settled_run = self.run is not None and (self.run.is_terminal or self.run.status.is_waiting)
        return self.is_done or settled_run

    def until_done(self) -> "RunStream":
        """Reads to the end; raises `.error` if there is one. With no error `.run` may still be active."""
        for _event in self:
            pass
        if self.error is not None:
            raise self.error
        return self

    def close(self) -> None:
        """Frees the socket. The run goes on."""
        if not self._is_closed:
            self._is_closed = True
            self._exchange.interrupt()
            with self._reading:
                self._exchange.close()

    def __enter__(self) -> "RunStream":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _read(self) -> Iterator[StreamEvent]:
        count = 0
        try:
            for event in self._received():
                count += 1
                self._refuse_another(event)
                self.take(event)
                self.is_done = event.name == DONE
                if event.name == ERROR:
                    self._take_error(event.raw)
                yield event
                if self.is_done or self.error is not None:
                    return
            if count == 0 and not self._is_closed:
                self.is_silent = True
                self.error = self._failed(self._exchange.page_said(self._head) or "The answer held no events.")
        except ServiceError as error:
            if not self._is_closed:
                self.error = error
        finally:
            self._is_closed = True

    def _refuse_another(self, event: StreamEvent) -> None:
        """Ends a stream whose first run is not the one that it was asked for."""
        is_run = event.name.startswith("thread.run.") and not event.name.startswith("thread.run.step")
        if is_run and self.run is None and (name := self._call.misnamed(event.raw)):
            raise self._failed(another("run", mapping(event.raw), name))

    def _received(self) -> Iterator[StreamEvent]:
        if "json" in self._exchange.content_type.lower():
            yield from self._plain_run()
            return
        for name, lines in frames(self._pieces()):
            yield from events_of(name, lines, raw=self._raw)

    def _pieces(self) -> Iterator[bytes]:
        for piece in self._exchange.stream_pieces():
            self._head += piece[: SHOWN_FROM_BYTES - len(self._head)]
            yield piece

    def _plain_run(self) -> Iterator[StreamEvent]:
        """Reads the answer of a server that ignores `stream`: the run as JSON."""
        try:
            value = decode_json(b"".join(self._pieces()))
        except Undecodable as reason:
            raise self._failed(f"The answer cannot be read: {reason}.") from None
        if not isinstance(value, dict) or identifier(value.get("id")) is None:
            raise self._failed(what_came(value, "stream or a run"))
        self.is_plain = True
        yield run_event(value, raw=self._raw)

    def _take_error(self, value: Json) -> None:
        """Ends with the error of an `error` event. Of a run that failed without a reason it is the reason."""
        message = error_text(value) or "The stream ended with an error."
        self.error = self._failed(message, code=error_field(value, "code"), content=b"")
        self.last_error = LastError.from_raw({"code": self.error.code, "message": self.error.message})
        if self.run is not None and self.run.status == RunStatus.FAILED and self.run.last_error is None:
            self.run = replace(self.run, last_error=self.last_error)

    def _failed(self, message: str, *, code: str | None = None, content: bytes | None = None) -> UpstreamFailed:
        shown = self._head if content is None else content
        return self._exchange.failed(message, content=shown, code=code, is_write=self.run is None)


def _is_bare(body: Json) -> bool:
    """Tells whether a closing event left out what the deltas had brought."""
    if isinstance(body, dict):
        return not any(value for value in body.values() if not isinstance(value, str))
    return not body
