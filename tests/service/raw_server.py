"""A server that answers with exact bytes, for what the sandbox cannot do: odd headers, dialects, drips."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable

Answer = bytes | Callable[[socket.socket], None]


class RawServer:
    """`with RawServer(answer, …) as server:` gives each request the next answer; the last one repeats.

    Every answer has a connection of its own. `requests` holds what was received, head and
    body; with `listens=False` it answers before reading anything.
    """

    def __init__(self, *answers: Answer, listens: bool = True) -> None:
        self.listens = listens
        self.answers = list(answers)
        self.requests: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}/v1"
        self.is_open = True
        self.threads = [threading.Thread(target=self.accept, daemon=True)]
        self.threads[0].start()

    def accept(self) -> None:
        while self.is_open:
            try:
                connection, _address = self.listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self.answer, args=(connection,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(10)
            if self.listens:
                self.requests.append(received(connection))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(answer, bytes):
                connection.sendall(answer)
            else:
                answer(connection)

    def __enter__(self) -> "RawServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.is_open = False
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(timeout=5)


def received(connection: socket.socket) -> str:
    """One request: its head, and its body if it has a length."""
    content = b""
    while b"\r\n\r\n" not in content:
        piece = connection.recv(65536)
        if not piece:
            return content.decode()
        content += piece
    head, _, body = content.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")),
        0,
    )
    while len(body) < length:
        body += connection.recv(65536)
    return (head + b"\r\n\r\n" + body).decode()


def reply(body: object, *headers: str, status: str = "200 OK", content_type: str = "application/json") -> bytes:
    """A whole answer; `body` is bytes or anything for JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", f"Content-Length: {len(content)}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + content


def stream(body: bytes) -> bytes:
    """An event stream without a length: it ends when the connection does."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nx-request-id: req_s\r\n\r\n" + body


def slowly(content: bytes, *, pause_s: float, at_once: int = 0) -> Callable[[socket.socket], None]:
    """Sends the first `at_once` bytes together and then one byte at a time."""

    def send(connection: socket.socket) -> None:
        connection.sendall(content[:at_once])
        for place in range(at_once, len(content)):
            time.sleep(pause_s)
            connection.sendall(content[place : place + 1])

    return send


def silence(seconds: float) -> Callable[[socket.socket], None]:
    """Takes the request and says nothing."""
    return lambda connection: wait_for_end(connection, seconds)


def wait_for_end(connection: socket.socket, seconds: float) -> None:
    connection.settimeout(seconds)
    with contextlib.suppress(OSError):
        connection.recv(1)
