"""Makes one attempt at one HTTP request: the session, the sockets, what is known when it fails.

Owns one `requests.Session` per thread and its connection classes, which report to the attempt whether a
connection was made and whether a byte of the request was written. No redirects, no cookies, no
settings from the environment. Decides nothing about retries.
"""

import contextlib
import http.client
import http.cookiejar
import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from .connecting import connected_socket
from .watchdog import Guard

WIRE_ERRORS = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,
)
CUT_SHORT = "the connection was closed before its end"
IDLE_BEFORE_WRITE_S = 1.0
CHUNK_BYTES = 64 * 1024

_thread = threading.local()


class Attempt:
    """Makes one try. `due_at` is on the monotonic clock; `sent` turns True before the first byte is written."""

    def __init__(
        self, *, due_at: float, connect_timeout_s: float, is_write: bool, allow_link_local: bool = False
    ) -> None:
        self.guard = Guard(due_at)
        self.is_write = is_write
        self.sent = False
        self.connected_anew = False
        self._connect_timeout_s = connect_timeout_s
        self._allow_link_local = allow_link_local
        self._connect_timed_out = False

    @property
    def remaining_s(self) -> float:
        return max(0.001, self.guard.due_at - time.monotonic())

    @property
    def timed_out(self) -> bool:
        late = self.guard.has_tripped or time.monotonic() >= self.guard.due_at - 0.005
        return late or self._connect_timed_out

    @property
    def reused_connection(self) -> bool:
        return self.sent and not self.connected_anew

    def send(
        self,
        request: requests.Request,
        *,
        read_timeout_s: float,
        verify: bool | str,
        session: requests.Session | None = None,
    ) -> requests.Response:
        """Sends and waits for the headers; raises one of `WIRE_ERRORS`. Close the attempt afterwards.

        `session`: one with an `Adapter` of the caller's; else the thread's own.
        """
        _thread.attempt = self
        try:
            return (session or _session()).send(
                request.prepare(),
                stream=True,
                allow_redirects=False,
                timeout=(self.remaining_s, read_timeout_s),
                verify=verify,
            )
        finally:
            _thread.attempt = None

    def close(self) -> None:
        self.guard.close()

    def connect(self, host: str, port: int, options: Sequence[tuple[Any, ...]] | None) -> socket.socket:
        """Connects a guarded socket within this attempt's time, whatever DNS and addresses do."""
        until = time.monotonic() + min(self._connect_timeout_s, self.remaining_s)
        self.connected_anew = True
        try:
            sock = connected_socket(host, port, until, options or [], allow_link_local=self._allow_link_local)
        except TimeoutError:
            self._connect_timed_out = True
            raise
        self.guard.watch(sock)
        return sock

    def about_to_send(self, sock: socket.socket) -> None:
        if not self.sent and not self.connected_anew:
            self.guard.watch(sock)
        self.sent = True


def _attempt() -> Attempt:
    attempt: Attempt = _thread.attempt
    return attempt


class _Connection(HTTPConnection):
    """Connects through the current attempt and reports to it (docs/decisions/0011-deadline-by-urllib3-hooks.md)."""

    idle_since: float | None = None

    def _new_conn(self) -> socket.socket:
        return _attempt().connect(self._dns_host, self.port or self.default_port, self.socket_options)

    def send(self, body: Any) -> None:
        if self.sock is None:
            self.connect()
        _attempt().about_to_send(self.sock)
        super().send(body)


class _TLSConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    """Keeps connections, but gives no write one that was idle for more than a moment.

    A server may close an idle connection just as we write to it, and a write is never repeated.
    """

    ConnectionCls = _Connection

    def _put_conn(self, conn: Any) -> None:
        if isinstance(conn, _Connection):
            conn.idle_since = time.monotonic()
        super()._put_conn(conn)

    def _get_conn(self, timeout: float | None = None) -> Any:
        conn = super()._get_conn(timeout)
        idle_since = conn.idle_since if isinstance(conn, _Connection) else None
        if _attempt().is_write and idle_since and time.monotonic() - idle_since > IDLE_BEFORE_WRITE_S:
            conn.close()
        return conn


class _TLSPool(_Pool, HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}


def _session() -> requests.Session:
    session = getattr(_thread, "session", None)
    if session is None:
        session = _thread.session = requests.Session()
        session.trust_env = False
        session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("http://", "https://"):
            session.mount(scheme, Adapter(pool_connections=8, pool_maxsize=4, max_retries=0))
    return session


def _forget_sessions_after_fork() -> None:
    global _thread
    _thread = threading.local()


os.register_at_fork(after_in_child=_forget_sessions_after_fork)


def body_pieces(response: requests.Response) -> Iterator[bytes]:
    """Yields the decoded body, piece by piece as it comes; raises one of `WIRE_ERRORS`."""
    while piece := response.raw.read1(CHUNK_BYTES, decode_content=True):
        yield piece


def close(response: requests.Response) -> None:
    """Frees the connection: back to the pool when the body was read to its end, else closed."""
    with contextlib.suppress(*WIRE_ERRORS):
        response.close()


def reason(error: BaseException) -> str:
    """Names the innermost cause in a few words, without the URL and object names that requests adds."""
    seen: list[BaseException] = []
    step: BaseException | None = error
    while step is not None and step not in seen:
        seen.append(step)
        step = step.__cause__ or step.__context__ or _wrapped(step)
    if any(isinstance(one, http.client.IncompleteRead) for one in seen):
        return CUT_SHORT  # its own words and causes are about chunk sizes
    innermost = seen[-1]
    words = getattr(innermost, "strerror", None) or str(innermost) or type(innermost).__name__
    return str(words)[:200]


def _wrapped(error: BaseException) -> BaseException | None:
    holders = [getattr(error, "reason", None), *error.args]
    return next((item for item in holders if isinstance(item, BaseException)), None)
