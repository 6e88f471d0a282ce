"""Serves requests under gunicorn so that slow clients cost no thread: see docs/decisions/0027.

gunicorn's threaded worker gives a connection to a thread with its first byte, and the thread then waits for the rest.
This one reads heads and bodies in its loop, closes what takes too long, and gives a thread the whole request.
"""

import contextlib
import errno
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from selectors import EVENT_READ

from gunicorn.http import get_parser
from gunicorn.workers.gthread import TConn, ThreadWorker

from runsdash.arriving import BLOCK, Arriving, RefusedRequest
from runsdash.slow_readers import AnswerSocket, Waiting

SEND_BUFFER = 256 * 1024  # a page and a script fit in, so that no thread waits for their reader
LEAVE_S = 2.0  # for who shall close first, so that the end of an answer is not lost
LEAVE_BYTES = 64 * 1024  # are read meanwhile
LOOK_S = 0.5
LEAVE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Leaving(TConn):
    """A connection that is given back to `leave` where gunicorn would wait in its loop for the client to close."""

    leave: Callable[["Leaving"], None]
    until, taken = 0.0, 0

    def close(self, graceful: bool = False) -> None:
        if graceful:
            self.leave(self)
        else:
            super().close()


class PatientWorker(ThreadWorker):
    """`arriving` holds the connections whose requests are not whole, in the order in which these began.

    `leaving` holds those that have their answer and shall close.
    """

    def init_process(self) -> None:
        self.arriving: dict[TConn, Arriving] = {}
        self.leaving: dict[Leaving, None] = {}
        self.waiting = Waiting(max(1, self.cfg.threads // 2))
        self.looked_at = 0.0
        super().init_process()

    def accept(self, listener: socket.socket) -> None:
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self.make_room()
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                raise
            return
        self.nr_conns += 1
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        wire = AnswerSocket(fileno=client.detach())
        wire.waiting = self.waiting
        conn = Leaving(self.cfg, wire, address, listener.getsockname())
        conn.leave = self.leave
        conn.initialized, conn.rest = True, b""
        self.begin(conn)
        if self.nr_conns >= self.worker_connections:
            self.make_room()

    def make_room(self) -> None:
        """Gives up who has been leaving for longest, else the request that has been on its way for longest."""
        if self.leaving:
            self.gone(next(iter(self.leaving)))
        elif self.arriving:
            self.drop(next(iter(self.arriving)), "503 Service Unavailable")

    def _cap_keepalive(self, deadline: float) -> None:
        """Waits no longer than for kept connections once the worker has been told to stop."""
        super()._cap_keepalive(deadline)
        for request in self.arriving.values():
            request.deadline = min(request.deadline, deadline)

    def begin(self, conn: TConn, block: bytes | None = None) -> None:
        """Waits for a request on a new connection, or takes what the next one begins with."""
        request = Arriving()
        if block is not None and not self.is_open_after(conn, request, block):
            return
        self.arriving[conn] = request
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_bytes, conn))

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """Takes the next request of a kept connection; most come in one block."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self.begin(conn, received(client))

    def on_bytes(self, conn: TConn, client: socket.socket) -> None:
        request = self.arriving.get(conn)
        if request is None:  # given up by what came before it in the same round
            return
        self.poller.unregister(client)
        if self.is_open_after(conn, request, received(client)):
            self.poller.register(client, EVENT_READ, partial(self.on_bytes, conn))
        else:
            del self.arriving[conn]

    def is_open_after(self, conn: TConn, request: Arriving, block: bytes | None) -> bool:
        """Takes a block. False when the request is whole, and with a thread, or the connection is closed."""
        if block is None:  # nothing there after all
            return True
        try:
            if not block:
                raise ConnectionResetError
            if request.take(block):
                conn.rest = request.rest
                conn.parser = get_parser(self.cfg, request.blocks(), conn.client)
                self.enqueue_req(conn)
                return False
            if request.wants_leave:
                request.wants_leave = False
                conn.sock.send(LEAVE)
            return True
        except RefusedRequest as refused:
            self.close(conn, str(refused))
        except OSError:
            self.close(conn)
        request.close()
        return False

    def finish_request(self, conn: TConn, fs: Future) -> None:
        super().finish_request(conn, fs)
        if conn.rest and self.keepalived_conns and self.keepalived_conns[-1] is conn:
            self.keepalived_conns.pop()
            self.poller.unregister(conn.sock)
            self.begin(conn, conn.rest)

    def murder_pending(self) -> None:
        """Closes what has not arrived in time. gunicorn calls it after each round of its loop."""
        now = time.monotonic()
        if now < self.looked_at + LOOK_S:
            return
        self.looked_at = now
        for conn in [conn for conn, request in self.arriving.items() if request.deadline < now]:
            self.drop(conn, "408 Request Timeout")
        for conn in [conn for conn in self.leaving if conn.until < now]:
            self.gone(conn)

    def drop(self, conn: TConn, status: str) -> None:
        self.poller.unregister(conn.sock)
        request = self.arriving.pop(conn)
        request.close()
        self.close(conn, status if request.has_begun else "")

    def close(self, conn: TConn, status: str = "") -> None:
        self.nr_conns -= 1
        with contextlib.suppress(OSError):
            if status:
                conn.sock.send(f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode())
        conn.close()

    def leave(self, conn: Leaving) -> None:
        """Says that no more comes, and lets the client close first, without waiting for it."""
        conn.sock.setblocking(False)
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            conn.close()
            return
        self.nr_conns += 1  # gunicorn has counted it as gone
        conn.until = time.monotonic() + LEAVE_S
        self.leaving[conn] = None
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_leaving, conn))

    def on_leaving(self, conn: Leaving, client: socket.socket) -> None:
        block = received(client)
        conn.taken += len(block or b"")
        if block == b"" or conn.taken > LEAVE_BYTES:
            self.gone(conn)

    def gone(self, conn: Leaving) -> None:
        if self.leaving.pop(conn, conn) is None:
            self.poller.unregister(conn.sock)
            self.nr_conns -= 1
            conn.close()


def received(client: socket.socket) -> bytes | None:
    """Returns what is there now; nothing at the end, None when there was nothing to read."""
    try:
        return client.recv(BLOCK)
    except BlockingIOError:
        return None
    except OSError:
        return b""
