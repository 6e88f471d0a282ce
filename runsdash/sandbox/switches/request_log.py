"""Logs requests in memory, so that tests can assert on what the server received."""

import threading
from collections import deque

from runsdash.sandbox.json_objects import JsonObject

KEPT_MAX = 100_000
BODY_MAX = 1_000_000  # characters; a longer body is logged by size only


class RequestLog:
    """Holds entries as `/_sandbox/requests` shows them; `status` is null until the reply began."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.entries: deque[JsonObject] = deque(maxlen=KEPT_MAX)

    def add(self, entry: JsonObject) -> JsonObject:
        with self.lock:
            self.entries.append(entry)
        return entry

    def since(self, moment_s: float) -> list[JsonObject]:
        """Returns entries that started at or after `moment_s` (Unix seconds), oldest first."""
        with self.lock:
            return [entry for entry in self.entries if entry["time"] >= moment_s]

    def clear(self) -> None:
        with self.lock:
            self.entries.clear()
