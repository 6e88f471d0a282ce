"""Sends answers on sockets whose readers may be slow or gone. Only so many threads wait for readers at a time.

Knows nothing of HTTP. Whoever reads nothing while too many wait is cut off, so that threads are left for others.
"""

import errno
import select
import socket
import sys
import time
from threading import Lock
from typing import BinaryIO

SEND_S = 20.0  # at most, for each block
PATIENCE_S = 1.0  # of that, when too many wait
BLOCK = 64 * 1024


class Unread(ConnectionResetError):
    """Says that an answer was not read in time."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the answer was not read in time")


class Waiting:
    """Holds the sockets whose readers threads wait for, those that have waited longest first. `most` may for long."""

    def __init__(self, most: int) -> None:
        self.most, self.lock = most, Lock()
        self.sockets: dict[socket.socket, None] = {}

    def room_on(self, wire: socket.socket) -> None:
        """Waits until more can be sent. Raises `Unread`."""
        until = time.monotonic() + SEND_S
        poller = select.poll()
        poller.register(wire, select.POLLOUT)
        with self.lock:
            self.sockets[wire] = None
        try:
            while not poller.poll(PATIENCE_S * 1000):
                if time.monotonic() > until or self.is_one_too_many(wire):
                    raise Unread
        finally:
            with self.lock:
                self.sockets.pop(wire, None)

    def is_one_too_many(self, wire: socket.socket) -> bool:
        """Tells whether more wait than may, and this one is among the first: then it goes, and is counted no more."""
        with self.lock:
            surplus = len(self.sockets) - self.most
            is_first = wire in list(self.sockets)[: max(0, surplus)]
            if is_first:
                del self.sockets[wire]
            return is_first


class AnswerSocket(socket.socket):
    """Takes the place of a connection's socket. It never blocks in `sendall` but by `waiting`."""

    waiting: Waiting

    def sendall(self, data: bytes, flags: int = 0, /) -> None:  # type: ignore[override]
        left = memoryview(data)
        while left:
            try:
                left = left[self.send(left, flags | socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                self.waiting.room_on(self)

    def sendfile(  # type: ignore[override]
        self, file: BinaryIO, offset: int = 0, count: int | None = None
    ) -> int:
        """Sends `count` bytes, all of them by `sendall`: the system's own way would wait without a limit."""
        file.seek(offset)
        left = sys.maxsize if count is None else count
        sent = 0
        while block := file.read(min(BLOCK, left - sent)):
            self.sendall(block)
            sent += len(block)
        return sent
