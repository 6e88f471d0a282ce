"""Who listens to which run: carries committed events from the engine to open streams. Keeps nothing."""

import queue
import threading


class Streams:
    """A queue of (event name, JSON text) for every open stream; None ends one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.listeners: dict[str, list[queue.SimpleQueue]] = {}

    def listen(self, run_id: str) -> queue.SimpleQueue:
        listener: queue.SimpleQueue = queue.SimpleQueue()
        with self.lock:
            self.listeners.setdefault(run_id, []).append(listener)
        return listener

    def leave(self, run_id: str, listener: queue.SimpleQueue) -> None:
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
