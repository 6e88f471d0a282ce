"""How long to wait: the server's own `Retry-After`, our back-off, and a memory of waits still owed.

Owns times only; it sends nothing. Reads and writes are remembered apart, because servers count GET and
POST apart (API.md section 4): a page that read too much must not stop a cancel.
"""

import random
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from .errors import RateLimited

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 8.0
LONGEST_OBEYED_WAIT_S = 120.0  # the reference client's limit (API.md section 2)
LONGEST_REMEMBERED_WAIT_S = 600.0  # no server's word keeps a connection silent for longer


class Backoff:
    """The waits one connection still owes its server. Share it between the clients of the connection."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = {False: 0.0, True: 0.0}

    def remember(self, *, is_write: bool, retry_after_s: float) -> None:
        until = time.monotonic() + min(retry_after_s, LONGEST_REMEMBERED_WAIT_S)
        with self._lock:
            self._until[is_write] = max(self._until[is_write], until)

    def wait_s(self, *, is_write: bool) -> float:
        """Seconds still to wait; 0.0 when the way is free."""
        return max(0.0, self._until[is_write] - time.monotonic())

    def check(self, *, is_write: bool) -> None:
        """Raises `RateLimited` while a wait is owed; then nothing is sent."""
        wait_s = self.wait_s(is_write=is_write)
        if wait_s > 0:
            message = f"The server asked to wait; {wait_s:.0f} s are left. Nothing was sent."
            raise RateLimited(message, retry_after_s=wait_s, is_write=is_write)


def next_wait_s(failures: int) -> float:
    """Back-off after the given number of failures: 0.5 s doubling to 8 s, less up to a quarter."""
    full = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(failures - 1, 10))
    return full * (1 - 0.25 * random.random())


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds the server asks to wait: `retry-after-ms`, or `Retry-After` in seconds or as a date."""
    text = headers.get("retry-after")
    for seconds in (seconds_of(headers.get("retry-after-ms")), _number(text)):
        if seconds is not None:
            return seconds
    return _until_date(text)


def seconds_of(milliseconds: str | None) -> float | None:
    """Seconds from a header in milliseconds; None when there is none or it is no number."""
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
