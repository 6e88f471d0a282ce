"""Makes one attempt at one call, from admission to the last byte, and names the error when it fails.

Decides nothing about retries (`retry`) and knows nothing of objects.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

import requests

from . import refusals, wire
from .calls import Call
from .capabilities import Capabilities
from .errors import NoAnswer, NotSupported, ServiceError, UpstreamFailed, error_class
from .providers import Endpoint
from .retry import Backoff, retry_after_s, seconds_of, should_retry

MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_ERROR_BODY_BYTES = 64 * 1024
USER_AGENT = "RunsDash/0.1"
_REQUEST_ID_HEADERS = ("x-request-id", "apim-request-id", "x-ms-request-id")


class Gate(Protocol):
    """Guards a budget of requests: it is asked before every attempt and told after it.

    `admit` may wait until `deadline` (monotonic clock) or raise `RateLimited`. `observe` gets the status
    (None without an answer), the wait the server asked for and the seconds until the headers came.
    """

    def admit(self, *, is_write: bool, deadline: float) -> None: ...

    def observe(self, *, status: int | None, retry_after_s: float | None, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted:
    """Tells of one attempt that is over. `error`: None when a 2xx answer came whole, of a stream its headers.

    `seconds`: from the first byte sent to that moment. An attempt that was held back before it was sent is not told.
    """

    operation: str
    seconds: float
    request_id: str | None
    error: ServiceError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Holds what all exchanges of one client share. Times in seconds."""

    endpoint: Endpoint
    backoff: Backoff
    capabilities: Capabilities
    gate: Gate | None
    on_attempt: Callable[[Attempted], None] | None
    verify: bool | str
    allow_link_local: bool
    timeout_s: float
    connect_timeout_s: float
    stream_idle_timeout_s: float
    max_retries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Holds a whole 2xx answer. `poll_after_s`: how long the server asks to wait before asking again."""

    status: int
    content: bytes
    content_type: str
    request_id: str | None
    poll_after_s: float | None


class Exchange:
    """Makes one attempt: `fetch` a whole reply, or `open` it and read `stream_pieces`; then `close`."""

    def __init__(self, terms: Terms, call: Call, due_at: float) -> None:
        self.call = call
        self.due_at = due_at
        self.request_id: str | None = None
        self.began_at: float | None = None
        self.attempt = wire.Attempt(
            due_at=due_at,
            connect_timeout_s=terms.connect_timeout_s,
            is_write=call.is_write,
            allow_link_local=terms.allow_link_local,
        )
        self._terms = terms
        self._response: requests.Response | None = None

    @property
    def response(self) -> requests.Response:
        """Gives the headers and the body to read, once `open` has returned."""
        if self._response is None:
            raise RuntimeError("no headers have come yet")
        return self._response

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def content_type(self) -> str:
        return self.response.headers.get("content-type", "")

    def fetch(self, max_bytes: int) -> Reply:
        try:
            self.open(read_timeout_s=self.attempt.remaining_s)
            content = self._read_whole(max_bytes)
        finally:
            self.close()
        return Reply(
            status=self.status,
            content=content,
            content_type=self.content_type,
            request_id=self.request_id,
            poll_after_s=seconds_of(self.response.headers.get("openai-poll-after-ms")),
        )

    def open(self, *, read_timeout_s: float) -> None:
        """Sends the request and reads the headers; raises unless the status is 2xx."""
        self._terms.backoff.check(is_write=self.call.is_write)
        if self._terms.gate is not None:
            self._terms.gate.admit(is_write=self.call.is_write, deadline=self.due_at)
        self.began_at = started = time.monotonic()
        try:
            self._response = self._send(read_timeout_s)
        finally:
            self._tell_gate(time.monotonic() - started)
        if not 200 <= self.status < 300:
            raise self._refusal()
        self._terms.capabilities.remember(self.call.operation, supported=True)

    def stream_pieces(self) -> Iterator[bytes]:
        """Yields the body as it comes. The first piece is due by the deadline, each next within the idle time."""
        size = 0
        try:
            for piece in wire.body_pieces(self.response):
                self.attempt.guard.move(time.monotonic() + self._terms.stream_idle_timeout_s)
                size += len(piece)
                if size > MAX_BODY_BYTES:
                    raise self.failed(f"The stream is longer than {MAX_BODY_BYTES} bytes.")
                yield piece
        except wire.WIRE_ERRORS as error:
            raise self._broken_off(error, size) from None
        if self.attempt.guard.has_tripped:
            raise self._broken_off(TimeoutError(), size)

    def close(self) -> None:
        self.attempt.close()
        if self._response is not None:
            wire.close(self._response)

    def interrupt(self) -> None:
        """Wakes a thread that reads from this exchange; closing stays with that thread."""
        self.attempt.guard.trip()

    def tell(self, error: ServiceError | None) -> None:
        """Tells whoever wants to know that the attempt is over."""
        if self._terms.on_attempt is None or self.began_at is None:
            return
        seconds = time.monotonic() - self.began_at
        self._terms.on_attempt(
            Attempted(operation=self.call.operation, seconds=seconds, request_id=self.request_id, error=error)
        )

    def failed(self, message: str, *, content: bytes = b"", **facts: Any) -> UpstreamFailed:
        """Makes the error for an answer with a 2xx status that is of no use."""
        known = {"status": self.status, "request_id": self.request_id, "is_write": self.call.is_write}
        return refusals.unusable(self._terms.endpoint, message, content=content, **{**known, **facts})

    def page_said(self, content: bytes) -> str:
        return refusals.page_said(self._terms.endpoint, content)

    def _send(self, read_timeout_s: float) -> requests.Response:
        request = self._request()
        try:
            response = self.attempt.send(request, read_timeout_s=read_timeout_s, verify=self._terms.verify)
        except wire.WIRE_ERRORS as error:
            raise self._no_answer(error) from None
        named = (response.headers.get(name) for name in _REQUEST_ID_HEADERS)
        self.request_id = next((self._clean(value)[:200] for value in named if value), None)
        return response

    def _request(self) -> requests.Request:
        headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate", "Accept": self.call.accept}
        body = None
        url, content = self._terms.endpoint.request_of(self.call)
        if content is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(content, allow_nan=False).encode()
        headers.update(self._terms.endpoint.headers())
        return requests.Request(self.call.method, url, headers=headers, data=body)

    def _tell_gate(self, seconds: float) -> None:
        if self._terms.gate is None:
            return
        status, wait_s = None, None
        if self._response is not None:
            status, wait_s = self.status, retry_after_s(self._response.headers)
        self._terms.gate.observe(status=status, retry_after_s=wait_s, seconds=seconds)

    def _read_whole(self, max_bytes: int) -> bytes:
        pieces, size = [], 0
        try:
            for piece in wire.body_pieces(self.response):
                pieces.append(piece)
                size += len(piece)
                if size > max_bytes:
                    raise self.failed(f"The answer is longer than {max_bytes} bytes.")
                if self.attempt.timed_out:
                    raise TimeoutError
        except wire.WIRE_ERRORS as error:
            raise self._broken_off(error, size) from None
        if self.attempt.guard.has_tripped:
            raise self._broken_off(TimeoutError(), size)
        return b"".join(pieces)

    def _error_content(self) -> bytes:
        """Reads as much of an error body as comes in time; the status matters more than its end."""
        pieces, size = [], 0
        with contextlib.suppress(*wire.WIRE_ERRORS):
            for piece in wire.body_pieces(self.response):
                pieces.append(piece)
                size += len(piece)
                if size >= MAX_ERROR_BODY_BYTES:
                    break
        return b"".join(pieces)[:MAX_ERROR_BODY_BYTES]

    def _refusal(self) -> ServiceError:
        """Makes the error for a status outside 200-299; remembers what the server does not offer."""
        headers = self.response.headers
        content = self._error_content()
        if 300 <= self.status < 400:
            place = headers.get("location", "nowhere")[:200]
            return self.failed(f"The server redirects to {place}; look at the base URL.")
        is_of_list = self.status == HTTPStatus.NOT_IMPLEMENTED and self.call.scope != "item"
        kind = UpstreamFailed if is_of_list else error_class(self.status)
        if self._is_missing(content):
            self._terms.capabilities.remember(self.call.operation, supported=False)
            kind = NotSupported
        return refusals.refused(
            kind,
            self._terms.endpoint,
            status=self.status,
            content=content,
            request_id=self.request_id,
            retry_after_s=retry_after_s(headers),
            is_write=self.call.is_write,
            should_retry=should_retry(headers),
        )

    def _is_missing(self, content: bytes) -> bool:
        endpoint = self._terms.endpoint
        said = refusals.sentence(endpoint, refusals.decoded_body(endpoint, content))
        return self._terms.capabilities.is_missing(self.call, status=self.status, message=said)

    def _no_answer(self, error: BaseException) -> NoAnswer:
        attempt = self.attempt
        if attempt.timed_out:
            step = "The server did not answer" if attempt.sent else "The server could not be reached"
            message = f"{step} within the time allowed ({self._terms.timeout_s:g} s)."
        elif attempt.sent:
            message = f"The server closed the connection without an answer: {self._why(error)}."
        else:
            message = f"The server could not be reached: {self._why(error)}."
        return NoAnswer(message, sent=attempt.sent, timed_out=attempt.timed_out, is_write=self.call.is_write)

    def _broken_off(self, error: BaseException, size: int) -> ServiceError:
        """Makes the error for a body that did not come whole."""
        if self.attempt.timed_out:
            message = f"The answer did not end within the time allowed; {size} bytes came."
            facts = {"status": self.status, "request_id": self.request_id, "is_write": self.call.is_write}
            return NoAnswer(message, sent=True, timed_out=True, **facts)
        message = f"The answer broke off after {size} bytes: {self._why(error)}."
        return self.failed(message, broke_off=True)

    def _why(self, error: BaseException) -> str:
        return self._clean(wire.reason(error))

    def _clean(self, text: str) -> str:
        return refusals.clean(self._terms.endpoint, text)
