"""Sends a `Call` until it has a 2xx answer or a final error, all within one deadline.

Obeys `retry`, which decides what is tried again and after how long. Knows nothing of objects.
"""

import time

from .calls import Call
from .errors import ServiceError
from .exchange import MAX_BODY_BYTES, Exchange, Reply, Terms
from .retry import wait_before_retry


class Transport:
    def __init__(self, terms: Terms) -> None:
        self.terms = terms

    def fetch(self, call: Call, *, max_bytes: int = MAX_BODY_BYTES) -> Reply:
        """Fetches the whole answer to a call, within the deadline; reads are retried."""
        due_at = time.monotonic() + self.terms.timeout_s
        failures = 0
        while True:
            exchange = Exchange(self.terms, call, due_at)
            try:
                reply = exchange.fetch(max_bytes)
                exchange.tell(None)
                return reply
            except ServiceError as error:
                exchange.tell(error)
                failures += 1
                wait_s = wait_before_retry(
                    error,
                    failures=failures,
                    max_retries=self.terms.max_retries,
                    remaining_s=due_at - time.monotonic(),
                    reused_connection=exchange.attempt.reused_connection,
                )
                if wait_s is None:
                    self.terms.backoff.learn(error)
                    raise
            time.sleep(wait_s)

    def open_stream(self, call: Call) -> Exchange:
        """Opens an exchange and waits for its headers; read its `stream_pieces()` and close it. Never retried."""
        exchange = Exchange(self.terms, call, time.monotonic() + self.terms.timeout_s)
        try:
            exchange.open(read_timeout_s=self.terms.timeout_s + self.terms.stream_idle_timeout_s)
        except BaseException as error:
            exchange.close()
            if isinstance(error, ServiceError):
                exchange.tell(error)
                self.terms.backoff.learn(error)
            raise
        exchange.tell(None)
        return exchange
