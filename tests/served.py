"""The dashboard under gunicorn on the test's own database: two processes, their real middleware, real sockets."""

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection

from django.conf import settings
from django.test import Client

from tests.free_ports import gunicorn
from tests.sync.budget.spending import beside
from tests.upstream import ROOT

START_S = 30
ANSWER_S = 20


@dataclass(frozen=True)
class Served:
    """Where it listens, on 127.0.0.1."""

    port: int

    def dial(self) -> HTTPConnection:
        """A connection of its own, as a browser keeps one."""
        return HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_S)

    def bytes_of(self, path: str, headers: dict[str, str]) -> bytes:
        """All that the answer is on the wire, from the status line to the last byte of its body."""
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        with socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_S) as wire:
            wire.sendall("\r\n".join([*lines, "", ""]).encode())
            return b"".join(iter(lambda: wire.recv(65536), b""))


@contextlib.contextmanager
def served() -> Iterator[Served]:
    with gunicorn(workers=2) as (port, command, number):
        process = subprocess.Popen(command, cwd=ROOT, env=beside(), stdin=subprocess.DEVNULL, pass_fds=(number,))
    try:
        started(port)
        yield Served(port)
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
        if process.poll() is None:
            process.kill()
            process.wait(timeout=5)


def started(port: int) -> None:
    """The socket listens already, so the first request waits until a process takes it."""
    wire = HTTPConnection("127.0.0.1", port, timeout=START_S)
    with contextlib.closing(wire):
        wire.request("GET", "/healthz")
        assert wire.getresponse().status == 200


def cookie_of(client: Client) -> str:
    """What the browser of whoever is signed in with `client` sends along."""
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
