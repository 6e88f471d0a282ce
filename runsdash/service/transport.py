"""Sends a `Call` until it has a 2xx answer or a final error, all within one deadline.

Owns the retry rule: reads only, never after a time-out, never past the deadline; what the server asked
us to wait is obeyed or, when that is too long, remembered. Knows nothing of objects.
"""

import time

from .calls import Call
from .errors import NoAnswer, ServiceError
from .exchange import MAX_BODY_BYTES, Exchange, Reply, Terms
from .retry import LONGEST_OBEYED_WAIT_S, next_wait_s


class Transport:
    def __init__(self, terms: Terms) -> None:
        self.terms = terms

    def fetch(self, call: Call, *, max_bytes: int = MAX_BODY_BYTES) -> Reply:
        """The whole answer to a call, within the deadline; reads are retried."""
        due_at = time.monotonic() + self.terms.timeout_s
        failures = 0
        while True:
            exchange = Exchange(self.terms, call, due_at)
            try:
                return exchange.fetch(max_bytes)
            except ServiceError as error:
                failures += 1
                wait_s = self._wait_before_retry(error, exchange, failures)
                if wait_s is None:
                    self._remember_wait(error)
                    raise
            time.sleep(wait_s)

    def open_stream(self, call: Call) -> Exchange:
        """An exchange whose headers have come; read its `stream_pieces()` and close it. Never retried."""
        exchange = Exchange(self.terms, call, time.monotonic() + self.terms.timeout_s)
        try:
            exchange.open(read_timeout_s=self.terms.timeout_s + self.terms.stream_idle_timeout_s)
        except BaseException as error:
            exchange.close()
            if isinstance(error, ServiceError):
                self._remember_wait(error)
            raise
        return exchange

    def _wait_before_retry(self, error: ServiceError, exchange: Exchange, failures: int) -> float | None:
        """Seconds to wait, or None when the error is final."""
        if error.is_write or not error.is_retriable or failures > self.terms.max_retries:
            return None
        wait_s = error.retry_after_s
        if wait_s is None:
            # A kept connection that the server had closed says nothing about the server's health.
            went_stale = isinstance(error, NoAnswer) and exchange.attempt.reused_connection
            wait_s = 0.0 if went_stale and failures == 1 else next_wait_s(failures)
        too_long = wait_s > LONGEST_OBEYED_WAIT_S or time.monotonic() + wait_s >= exchange.due_at
        return None if too_long else wait_s

    def _remember_wait(self, error: ServiceError) -> None:
        if error.retry_after_s and error.status in (429, 503):
            self.terms.backoff.remember(is_write=error.is_write, retry_after_s=error.retry_after_s)
