"""Ports that nobody listens on, for servers that cannot choose one themselves, and gunicorn, which need not."""

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


def free_ports(count: int) -> list[int]:
    """`count` different ports of 127.0.0.1, free a moment ago."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def gunicorn(workers: int = 1) -> Iterator[tuple[int, list[str], int]]:
    """Port, command and the socket to pass on. It listens already, so no port is guessed, no early caller turned away."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        number = listening.fileno()
        flags = ["--config", "gunicorn.conf.py", "--workers", str(workers), "--log-level", "warning"]
        command = [sys.executable, "-m", "gunicorn", "runsdash.wsgi", *flags, "--bind", f"fd://{number}"]
        yield listening.getsockname()[1], command, number
