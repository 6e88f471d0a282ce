"""Ends what overstays: shuts a socket down when its deadline passes.

A time-out on a socket bounds one read, so a server that drips a byte a second, in the headers or the
body, would hold a thread for ever. One daemon thread per process watches all open requests. It holds
a duplicate of each socket, because shutting the duplicate down ends the connection under TLS, readers
and pools alike.
"""

import contextlib
import heapq
import itertools
import os
import socket
import threading
import time


class Guard:
    """Keeps the deadline of one request, `due_at` on the monotonic clock; it may be moved while it runs."""

    def __init__(self, due_at: float) -> None:
        self.due_at = due_at
        self.has_tripped = False
        self.is_closed = False
        self._socket: socket.socket | None = None

    def watch(self, sock: socket.socket) -> None:
        """Starts to watch a connected socket."""
        self._socket = socket.fromfd(sock.fileno(), sock.family, sock.type)
        _watchdog.add(self)

    def move(self, due_at: float) -> None:
        is_earlier = due_at < self.due_at
        self.due_at = due_at
        if is_earlier and self._socket is not None:
            _watchdog.add(self)

    def close(self) -> None:
        """Stops watching; leaves the connection itself alone."""
        with _watchdog.condition:
            self.is_closed = True
            watched, self._socket = self._socket, None
        if watched is not None:
            watched.close()

    def trip(self) -> None:
        self.has_tripped = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class _Watchdog:
    def __init__(self) -> None:
        self.condition = threading.Condition()
        self._due: list[tuple[float, int, Guard]] = []
        self._order = itertools.count()
        self._thread: threading.Thread | None = None

    def add(self, guard: Guard) -> None:
        with self.condition:
            heapq.heappush(self._due, (guard.due_at, next(self._order), guard))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="runsdash-deadlines", daemon=True)
                self._thread.start()
            if self._due[0][2] is guard:
                self.condition.notify()

    def _run(self) -> None:
        with self.condition:
            while True:
                self.condition.wait(self._trip_overdue())

    def _trip_overdue(self) -> float | None:
        """Trips what is due, and returns how long to sleep (None: until something is added)."""
        while self._due:
            due_at, order, guard = self._due[0]
            if guard.is_closed or guard.has_tripped:
                heapq.heappop(self._due)
            elif guard.due_at > due_at:
                heapq.heapreplace(self._due, (guard.due_at, order, guard))
            elif due_at > time.monotonic():
                return due_at - time.monotonic()
            else:
                heapq.heappop(self._due)
                guard.trip()
        return None


_watchdog = _Watchdog()


def _start_anew_after_fork() -> None:
    global _watchdog
    _watchdog = _Watchdog()


os.register_at_fork(after_in_child=_start_anew_after_fork)
