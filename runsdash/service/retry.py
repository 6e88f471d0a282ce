"""Decides retries: what is tried again, how often, after how long, and which waits a server is still owed.

Owns every number of it and sends nothing. Reads and writes are remembered apart, because servers count GET and
POST apart (docs/protocol.md): a page that read too much must not stop a cancel.
"""

import random
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from .errors import NoAnswer, RateLimited, ServiceError

MAX_RETRIES = 2  # of a client that says nothing else
MAX_PAGE_RETRIES = 1  # somebody waits for the page
MAX_WORKER_RETRIES = 1  # the worker asks anew later; more would beat on a server that fails
RETRIED_STATUSES = frozenset({408, 409, 429})
NOT_IMPLEMENTED = 501  # the one status from 500 up that stays as it is
REMEMBERED_STATUSES = frozenset({429, 503})
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 8.0
LONGEST_OBEYED_WAIT_S = 120.0  # the official SDK's limit
LONGEST_REMEMBERED_WAIT_S = 600.0  # no server's word keeps a connection silent for longer


def wait_before_retry(
    error: ServiceError, *, failures: int, max_retries: int, remaining_s: float, reused_connection: bool
) -> float | None:
    """Decides whether a call is tried again: the seconds to wait before it, or None when the error is final."""
    if not is_retriable(error) or failures > max_retries:
        return None
    wait_s = error.retry_after_s
    if wait_s is None:
        # A kept connection that the server had closed says nothing about the server's health.
        went_stale = isinstance(error, NoAnswer) and reused_connection
        wait_s = 0.0 if went_stale and failures == 1 else next_wait_s(failures)
    return wait_s if wait_s <= LONGEST_OBEYED_WAIT_S and wait_s < remaining_s else None


def is_retriable(error: ServiceError) -> bool:
    """Decides by the error alone: reads only, never after a time-out; the server's own word goes first."""
    if error.is_write:
        return False
    if isinstance(error, NoAnswer):
        return not error.timed_out
    if error.should_retry is not None:
        return error.should_retry
    status = error.status or 0
    return error.broke_off or status in RETRIED_STATUSES or (status >= 500 and status != NOT_IMPLEMENTED)


def should_retry(headers: Mapping[str, str]) -> bool | None:
    """Reads the server's own word on trying again, `x-should-retry`; None when it says nothing."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", ""))


class Backoff:
    """Remembers the waits one connection still owes its server. Share it between the clients of the connection.

    It learns from what is not retried any more.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = {False: 0.0, True: 0.0}

    def remember(self, *, is_write: bool, retry_after_s: float) -> None:
        until = time.monotonic() + min(retry_after_s, LONGEST_REMEMBERED_WAIT_S)
        with self._lock:
            self._until[is_write] = max(self._until[is_write], until)

    def learn(self, error: ServiceError) -> None:
        """Remembers the wait that a final error asks for."""
        if error.retry_after_s and error.status in REMEMBERED_STATUSES:
            self.remember(is_write=error.is_write, retry_after_s=error.retry_after_s)

    def wait_s(self, *, is_write: bool) -> float:
        """Counts the seconds still to wait; 0.0 when none are owed."""
        return max(0.0, self._until[is_write] - time.monotonic())

    def check(self, *, is_write: bool) -> None:
        """Raises `RateLimited` while a wait is owed; then nothing is sent."""
        wait_s = self.wait_s(is_write=is_write)
        if wait_s > 0:
            message = f"The server asked to wait; {wait_s:.0f} s are left. Nothing was sent."
            raise RateLimited(message, retry_after_s=wait_s, is_write=is_write)


def next_wait_s(failures: int) -> float:
    """Chooses the back-off after some failures: 0.5 s doubling to 8 s, less up to a quarter."""
    full = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(failures - 1, 10))
    return full * (1 - 0.25 * random.random())


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Reads the seconds the server asks to wait: `retry-after-ms`, or `Retry-After` in seconds or as a date."""
    text = headers.get("retry-after")
    for seconds in (seconds_of(headers.get("retry-after-ms")), _number(text)):
        if seconds is not None:
            return seconds
    return _until_date(text)


def seconds_of(milliseconds: str | None) -> float | None:
    """Reads seconds from a header in milliseconds; None when there is none or it is no number."""
    number = _number(milliseconds)
    return None if number is None else number / 1000


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 <= number < 1e9 else None


def _until_date(text: str | None) -> float | None:
    try:
        moment = parsedate_to_datetime(text or "")
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (aware - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
