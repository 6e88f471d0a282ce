"""Carries committed events from the engine to the open streams of their run. Stores nothing."""

import threading
from queue import SimpleQueue

Listener = SimpleQueue[tuple[str, str] | None]


class Streams:
    """Holds one queue for every open stream, of (event name, JSON text); None ends it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.listeners: dict[str, list[Listener]] = {}

    def listen(self, run_id: str) -> Listener:
        listener: Listener = SimpleQueue()
        with self.lock:
            self.listeners.setdefault(run_id, []).append(listener)
        return listener

    def leave(self, run_id: str, listener: Listener) -> None:
        with self.lock:
            rest = [other for other in self.listeners.get(run_id, []) if other is not listener]
            if rest:
                self.listeners[run_id] = rest
            else:
                self.listeners.pop(run_id, None)

    def are_open(self, run_id: str) -> bool:
        return run_id in self.listeners

    def publish(self, events: list[tuple[str, str, str]]) -> None:
        """Events are (run id, event name, JSON text)."""
        for run_id, name, text in events:
            for listener in list(self.listeners.get(run_id, ())):
                listener.put((name, text))

    def end(self, run_id: str) -> None:
        for listener in list(self.listeners.get(run_id, ())):
            listener.put(None)
