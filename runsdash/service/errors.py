"""Defines the one tree of errors that leaves this room.

    ServiceError               .status .message .code .request_id .body .param .retry_after_s
    ├── InvalidRequest         our own check refused it; nothing was sent   .param
    ├── Refused                400, 422 and other 4xx: the server said no   .param
    ├── Unauthorized           401, 403
    ├── NotFound               404, 410, and 405, 501 on an item: unknown to the server
    ├── NotSupported           the server has no such operation (404, 405 or 501)
    ├── Conflict               409
    ├── RateLimited            429, or a wait we still owe the server       .retry_after_s
    ├── UpstreamFailed         5xx, a redirect, or an answer that is not what was asked for
    └── NoAnswer               no complete answer came                     .sent .timed_out

The tree owns no text of its own beyond a first sentence; what the server said is untrusted and is
cleared of the connection's secrets before it comes here.
"""

import re
from typing import Any

from .json_types import Json

_BLOCKING_RUN = re.compile(r"(?:active run|while a run)\s+['\"]?([\w.:-]*\w)", re.IGNORECASE)


class ServiceError(Exception):
    """Says that an operation did not give what was asked for.

    `message` is one untrusted sentence for people. `status` is the HTTP status or None, `body` the
    decoded error body (or its first 500 characters). `outcome_unclear` is True when a write may have
    been carried out although it failed here: settle it by reading, never by sending it again.
    `should_retry` is the server's own word on trying again, `broke_off` says that the answer had no end.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        body: Json = None,
        param: str | None = None,
        retry_after_s: float | None = None,
        is_write: bool = False,
        should_retry: bool | None = None,
        broke_off: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.request_id = request_id
        self.body = body
        self.param = param
        self.retry_after_s = retry_after_s
        self.is_write = is_write
        self.should_retry = should_retry
        self.broke_off = broke_off

    @property
    def outcome_unclear(self) -> bool:
        return False

    @property
    def blocking_run_id(self) -> str | None:
        """Finds the run that locks the thread, when the server's sentence names it."""
        found = _BLOCKING_RUN.search(self.message)
        return found.group(1) if found else None

    def __str__(self) -> str:
        known = []
        if self.status:
            known.append(f"status {self.status}")
        if self.request_id:
            known.append(f"request {self.request_id}")
        return f"{self.message} ({', '.join(known)})" if known else self.message


class InvalidRequest(ServiceError):
    """Says that our own check refused the input; nothing was sent. `param` names the parameter."""


class Refused(ServiceError):
    """Says that the server understood and said no (400, 422 or another 4xx)."""


class Unauthorized(ServiceError):
    """Says that the key is missing, wrong or not allowed to do this (401, 403)."""


class NotFound(ServiceError):
    """Says that the server does not know the id (404, 410)."""


class NotSupported(ServiceError):
    """Says that the server does not offer this operation; `Client.capabilities` remembers it."""


class Conflict(ServiceError):
    """Says that the object is in a state that does not allow this now (409)."""


class RateLimited(ServiceError):
    """Says that there were too many requests. `retry_after_s` is what the server asked for, or None."""


class UpstreamFailed(ServiceError):
    """Says that the server failed, or answered something that is not what was asked for."""

    @property
    def outcome_unclear(self) -> bool:
        return self.is_write


class NoAnswer(ServiceError):
    """Says that no complete answer came. `sent`: may the request have arrived? `timed_out`: did time run out?"""

    def __init__(self, message: str, *, sent: bool, timed_out: bool = False, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.sent = sent
        self.timed_out = timed_out

    @property
    def outcome_unclear(self) -> bool:
        return self.is_write and self.sent

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive_no_answer, (self.message, self.sent, self.timed_out), self.__dict__


def _revive_no_answer(message: str, sent: bool, timed_out: bool) -> NoAnswer:
    return NoAnswer(message, sent=sent, timed_out=timed_out)


_BY_STATUS: dict[int, type[ServiceError]] = {
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    405: NotFound,  # on an item; elsewhere the capabilities make it NotSupported (docs/protocol.md)
    409: Conflict,
    410: NotFound,
    429: RateLimited,
    501: NotFound,
}


def error_class(status: int) -> type[ServiceError]:
    """Chooses the class for an HTTP status outside 200-299."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return Refused if 400 <= status < 500 and status != 408 else UpstreamFailed
