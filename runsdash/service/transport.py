"""Sends a `Call` and brings back a 2xx `Reply`, or raises one error of the tree.

Owns the one deadline of an operation (attempts, waits and body together), the retry rule, the cap on
bodies and the turning of refusals into errors. Knows nothing of objects.
"""

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import requests

from runsdash.service import backoff as waits
from runsdash.service import wire
from runsdash.service.backoff import Backoff
from runsdash.service.calls import Call
from runsdash.service.capabilities import Capabilities
from runsdash.service.decoding import (
    ERROR_TEXT_CHARS,
    Undecodable,
    decode_json,
    error_field,
    error_text,
    storable,
)
from runsdash.service.errors import NoAnswer, NotSupported, ServiceError, UpstreamFailed, error_class
from runsdash.service.providers import Endpoint

MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_ERROR_BODY_BYTES = 64 * 1024
USER_AGENT = "RunsDash/0.1"
_REQUEST_ID_HEADERS = ("x-request-id", "apim-request-id", "x-ms-request-id")


class Gate(Protocol):
    """A request budget. `admit` may wait until `deadline` (monotonic) or raise `RateLimited`."""

    def admit(self, *, is_write: bool, deadline: float) -> None: ...

    def observe(self, *, status: int | None, retry_after_s: float | None, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A 2xx answer, whole."""

    status: int
    content: bytes
    content_type: str
    request_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long and how often. All times in seconds."""

    timeout_s: float
    connect_timeout_s: float
    stream_idle_timeout_s: float
    max_retries: int


class Transport:
    def __init__(
        self,
        *,
        endpoint: Endpoint,
        patience: Patience,
        backoff: Backoff,
        capabilities: Capabilities,
        gate: Gate | None,
        verify: bool | str,
    ) -> None:
        self.endpoint = endpoint
        self.patience = patience
        self.backoff = backoff
        self.capabilities = capabilities
        self.gate = gate
        self.verify = verify

    def fetch(self, call: Call, *, max_bytes: int = MAX_BODY_BYTES) -> Reply:
        """The whole answer to a call, within the deadline; reads are retried."""
        due_at = time.monotonic() + self.patience.timeout_s
        failures = 0
        while True:
            exchange = Exchange(self, call, due_at)
            try:
                return exchange.fetch(max_bytes)
            except ServiceError as error:
                failures += 1
                wait_s = self._wait_before_retry(error, exchange, failures)
                if wait_s is None:
                    self._remember_wait(error)
                    raise
            time.sleep(wait_s)

    def open_stream(self, call: Call) -> "Exchange":
        """An exchange whose headers have come; iterate `stream_pieces()` and close it. Never retried."""
        exchange = Exchange(self, call, time.monotonic() + self.patience.timeout_s)
        try:
            exchange.open(read_timeout_s=self.patience.timeout_s + self.patience.stream_idle_timeout_s)
        except ServiceError as error:
            exchange.close()
            self._remember_wait(error)
            raise
        except BaseException:
            exchange.close()
            raise
        return exchange

    def _wait_before_retry(self, error: ServiceError, exchange: "Exchange", failures: int) -> float | None:
        """Seconds to wait, or None when the error is final."""
        if error.is_write or not error.is_retriable or failures > self.patience.max_retries:
            return None
        wait_s = error.retry_after_s
        if wait_s is None:
            went_stale = isinstance(error, NoAnswer) and exchange.attempt.reused_connection
            wait_s = 0.0 if went_stale else waits.next_wait_s(failures)
        too_long = wait_s > waits.LONGEST_OBEYED_WAIT_S or time.monotonic() + wait_s >= exchange.due_at
        return None if too_long else wait_s

    def _remember_wait(self, error: ServiceError) -> None:
        if error.retry_after_s and error.status in (429, 503):
            self.backoff.remember(is_write=error.is_write, retry_after_s=error.retry_after_s)


class Exchange:
    """One attempt at one call, from admission to the last byte."""

    def __init__(self, transport: Transport, call: Call, due_at: float) -> None:
        self.call = call
        self.due_at = due_at
        self.request_id: str | None = None
        self._transport = transport
        self.attempt = wire.Attempt(
            due_at=due_at, connect_timeout_s=transport.patience.connect_timeout_s, is_write=call.is_write
        )
        self._response: requests.Response | None = None

    def fetch(self, max_bytes: int) -> Reply:
        try:
            self.open(read_timeout_s=self.attempt.remaining_s)
            content = self._read_whole(max_bytes)
            return Reply(
                status=self.status,
                content=content,
                content_type=self.content_type,
                request_id=self.request_id,
            )
        finally:
            self.close()

    @property
    def status(self) -> int:
        return self._response.status_code

    @property
    def content_type(self) -> str:
        return self._response.headers.get("content-type", "")

    def open(self, *, read_timeout_s: float) -> None:
        """Sends the request and reads the headers; raises unless the status is 2xx."""
        self._transport.backoff.check(is_write=self.call.is_write)
        gate = self._transport.gate
        if gate is not None:
            gate.admit(is_write=self.call.is_write, deadline=self.due_at)
        started = time.monotonic()
        try:
            self._response = self._send(read_timeout_s)
        finally:
            if gate is not None:
                self._tell(gate, time.monotonic() - started)
        if not 200 <= self.status < 300:
            raise self._refusal()
        self._transport.capabilities.remember(self.call.operation, supported=True)

    def _send(self, read_timeout_s: float) -> requests.Response:
        request = self._request()
        try:
            response = self.attempt.send(
                request, read_timeout_s=read_timeout_s, verify=self._transport.verify
            )
        except wire.WIRE_ERRORS as error:
            raise self.no_answer(error) from None
        named = (response.headers.get(name) for name in _REQUEST_ID_HEADERS)
        self.request_id = next((self._clean(value)[:200] for value in named if value), None)
        return response

    def _request(self) -> requests.Request:
        headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate", "Accept": self.call.accept}
        body = None
        if self.call.body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(self.call.body, allow_nan=False).encode()
        endpoint = self._transport.endpoint
        headers.update(endpoint.headers())
        url = endpoint.url(self.call.path, self.call.query)
        return requests.Request(self.call.method, url, headers=headers, data=body)

    def _tell(self, gate: Gate, seconds: float) -> None:
        answered = self._response is not None
        wait_s = waits.retry_after_s(self._response.headers) if answered else None
        gate.observe(status=self.status if answered else None, retry_after_s=wait_s, seconds=seconds)

    def _read_whole(self, max_bytes: int) -> bytes:
        pieces, size = [], 0
        try:
            for piece in wire.body_pieces(self._response):
                pieces.append(piece)
                size += len(piece)
                if size > max_bytes:
                    raise self.failed(f"The answer is longer than {max_bytes} bytes.")
                if self.attempt.timed_out:
                    raise TimeoutError
        except wire.WIRE_ERRORS as error:
            raise self.broken_off(error, size) from None
        if self.attempt.guard.has_tripped:
            raise self.broken_off(TimeoutError(), size)
        return b"".join(pieces)

    def stream_pieces(self) -> Iterator[bytes]:
        """The body as it comes. The first piece is due by the deadline, each next within the idle time."""
        idle_s = self._transport.patience.stream_idle_timeout_s
        size = 0
        try:
            for piece in wire.body_pieces(self._response):
                self.attempt.guard.move(time.monotonic() + idle_s)
                size += len(piece)
                if size > MAX_BODY_BYTES:
                    raise self.failed(f"The stream is longer than {MAX_BODY_BYTES} bytes.")
                yield piece
        except wire.WIRE_ERRORS as error:
            raise self.broken_off(error, size) from None
        if self.attempt.guard.has_tripped:
            raise self.broken_off(TimeoutError(), size)

    def close(self) -> None:
        self.attempt.close()
        if self._response is not None:
            wire.close(self._response)

    def abandon(self) -> None:
        """Ends the exchange wherever it is, also while another thread reads from it."""
        self.attempt.guard.trip()
        self.close()

    def no_answer(self, error: BaseException) -> NoAnswer:
        attempt = self.attempt
        if attempt.timed_out:
            step = "The server did not answer" if attempt.sent else "The server could not be reached"
            message = f"{step} within the time allowed ({self._transport.patience.timeout_s:g} s)."
        elif attempt.sent:
            message = (
                f"The server closed the connection without an answer: {self._clean(wire.reason(error))}."
            )
        else:
            message = f"The server could not be reached: {self._clean(wire.reason(error))}."
        return NoAnswer(
            message,
            sent=attempt.sent,
            timed_out=attempt.timed_out,
            is_write=self.call.is_write,
            is_retriable=not attempt.timed_out,
        )

    def broken_off(self, error: BaseException, size: int) -> ServiceError:
        """The headers came, the body did not come whole."""
        if self.attempt.timed_out:
            message = f"The answer did not end within the time allowed; {size} bytes came."
            facts = {"status": self.status, "request_id": self.request_id, "is_write": self.call.is_write}
            return NoAnswer(message, sent=True, timed_out=True, **facts)
        reason = self._clean(wire.reason(error))
        return self.failed(f"The answer broke off after {size} bytes: {reason}.", is_retriable=True)

    def failed(self, message: str, *, content: bytes = b"", **facts: object) -> UpstreamFailed:
        """An answer with a 2xx status that is of no use."""
        known = {"status": self.status, "request_id": self.request_id, "is_write": self.call.is_write}
        return unusable(self._transport.endpoint, message, content=content, **{**known, **facts})

    def _refusal(self) -> ServiceError:
        body, sentence = self._error_body()
        code, param = error_field(body, "code"), error_field(body, "param")
        kind = error_class(self.status)
        if self._is_unsupported(sentence):
            kind = NotSupported
        return kind(
            sentence or f"The server answered {self.status} without a word.",
            status=self.status,
            code=code,
            param=param,
            request_id=self.request_id,
            body=body,
            retry_after_s=waits.retry_after_s(self._response.headers),
            is_write=self.call.is_write,
            is_retriable=_is_retriable(self.status, self._response.headers.get("x-should-retry")),
        )

    def _is_unsupported(self, sentence: str) -> bool:
        capabilities = self._transport.capabilities
        if not capabilities.is_refused_as_unknown(self.call, status=self.status, message=sentence):
            return False
        capabilities.remember(self.call.operation, supported=False)
        return True

    def _error_body(self) -> tuple[object, str]:
        """The error body without secrets, and its sentence."""
        body = cleaned_body(self._transport.endpoint, self._error_content())
        return body, self._clean(error_text(body))

    def _error_content(self) -> bytes:
        """As much of an error body as comes in time; the status matters more than a missing end."""
        pieces, size = [], 0
        with contextlib.suppress(*wire.WIRE_ERRORS):
            for piece in wire.body_pieces(self._response):
                pieces.append(piece)
                size += len(piece)
                if size >= MAX_ERROR_BODY_BYTES:
                    break
        return b"".join(pieces)[:MAX_ERROR_BODY_BYTES]

    def _clean(self, text: str) -> str:
        return str(storable(self._transport.endpoint.redacted(text)))


def unusable(endpoint: Endpoint, message: str, *, content: bytes, **facts: object) -> UpstreamFailed:
    """An `UpstreamFailed` that shows the first characters of what came instead."""
    shown = endpoint.redacted(content[: 4 * ERROR_TEXT_CHARS].decode("utf-8", "replace"))[:ERROR_TEXT_CHARS]
    return UpstreamFailed(endpoint.redacted(message), body=storable(shown) or None, **facts)


def cleaned_body(endpoint: Endpoint, content: bytes) -> object:
    """An error body as JSON, or its first characters; every string without the endpoint's secrets."""
    try:
        return _without_secrets(endpoint, decode_json(content))
    except Undecodable:
        text = endpoint.redacted(content.decode("utf-8", "replace"))
        return str(storable(text[:ERROR_TEXT_CHARS])) or None


def _without_secrets(endpoint: Endpoint, value: object) -> object:
    if isinstance(value, str):
        return endpoint.redacted(value)
    if isinstance(value, list):
        return [_without_secrets(endpoint, item) for item in value]
    if isinstance(value, dict):
        return {endpoint.redacted(key): _without_secrets(endpoint, item) for key, item in value.items()}
    return value


def _is_retriable(status: int, should_retry: str | None) -> bool:
    if should_retry in ("true", "false"):
        return should_retry == "true"
    return status in (408, 409, 429) or (status >= 500 and status != 501)
