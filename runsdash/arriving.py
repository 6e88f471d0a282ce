"""Collects one HTTP request as its bytes arrive and says when it is whole. Knows where it ends and nothing else of it:
gunicorn's own parser reads it afterwards. Never waits."""

import re
import tempfile
import time
from collections.abc import Generator, Iterator

HEAD_MAX = 64 * 1024
BODY_MAX = 512 * 1024 * 1024
IN_MEMORY = 64 * 1024  # a longer request waits in a file
HEAD_S = 10.0
BODY_S = 20.0  # and a second more for each LEAST_RATE bytes
LEAST_RATE = 16 * 1024
CHUNK_LINE_MAX = 256
BLOCK = 64 * 1024
HEAD_END = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length:([^\r]*)", re.IGNORECASE)
LENGTH_DIGITS = 15
IS_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
WAITS_FOR_LEAVE = re.compile(rb"\r\nexpect:[ \t]*100-continue", re.IGNORECASE)


class RefusedRequest(Exception):
    """Says with which status line the request is refused."""


class Arriving:
    """One request on its way in. `deadline` is when it has to be whole, `rest` what came behind it."""

    def __init__(self, body_max: int = BODY_MAX) -> None:
        self.body_max = body_max
        self.deadline = time.monotonic() + HEAD_S
        self.has_begun = self.wants_leave = False
        self.rest = b""
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  closed by `blocks`, or with this
        self._read = self._reading()
        next(self._read)

    def take(self, block: bytes) -> bool:
        """Returns whether the request is whole with this block; raises `RefusedRequest`."""
        self.has_begun = True
        try:
            self._read.send(block)
        except StopIteration as ended:
            self.rest = ended.value
            return True
        return False

    def blocks(self) -> Iterator[bytes]:
        """Yields the whole request, once."""
        self._file.seek(0)
        with self._file:
            while block := self._file.read(BLOCK):
                yield block

    def close(self) -> None:
        """Gives up what has come."""
        self._file.close()

    def _reading(self) -> Generator[None, bytes, bytes]:
        """Keeps what belongs to the request; returns what does not."""
        head = bytearray()
        while (end := head.find(HEAD_END)) < 0:
            if len(head) > HEAD_MAX:
                raise RefusedRequest("431 Request Header Fields Too Large")
            head += yield
        end += len(HEAD_END)
        self._file.write(head[:end])
        began, size = time.monotonic(), 0
        body = self._body(bytes(head[:end]))
        block = bytes(head[end:])
        self.wants_leave = not block and bool(WAITS_FOR_LEAVE.search(head))
        try:
            next(body)
            while True:
                body.send(block)
                self._file.write(block)
                size += len(block)
                if size > self.body_max:
                    raise RefusedRequest("413 Content Too Large")
                self.deadline = began + BODY_S + size / LEAST_RATE
                block = yield
        except StopIteration as ended:
            rest = ended.value or b""
            self._file.write(block[: len(block) - len(rest)])
            return rest

    def _body(self, head: bytes) -> Generator[None, bytes, bytes]:
        """Takes blocks until the body ends; returns what came behind it."""
        if IS_CHUNKED.search(head):
            return (yield from chunked())
        left = body_length(head)
        if left > self.body_max:
            raise RefusedRequest("413 Content Too Large")
        block = yield
        while len(block) < left:
            left -= len(block)
            block = yield
        return block[left:]


def body_length(head: bytes) -> int:
    """Refuses whatever gunicorn's parser might read otherwise: what is left over would be taken for a request."""
    found = LENGTH.search(head)
    written = found[1].strip(b" \t") if found else b"0"
    if not written.isdigit() or len(written) > LENGTH_DIGITS:
        raise RefusedRequest("400 Bad Request")
    return int(written)


def chunked() -> Generator[None, bytes, bytes]:
    """Takes blocks until a chunked body ends, its trailer too; returns what came behind it."""
    held = bytearray((yield))

    def line() -> Generator[None, bytes, bytes]:
        while (end := held.find(b"\r\n")) < 0:
            if len(held) > CHUNK_LINE_MAX:
                raise RefusedRequest("400 Bad Request")
            held.extend((yield))
        found = bytes(held[:end])
        del held[: end + 2]
        return found

    while size := chunk_size((yield from line())):
        left = size + 2
        while len(held) < left:
            left -= len(held)
            held.clear()
            held.extend((yield))
        del held[:left]
    while (yield from line()):
        pass
    return bytes(held)


def chunk_size(line: bytes) -> int:
    try:
        return int(line.split(b";")[0], 16)
    except ValueError:
        raise RefusedRequest("400 Bad Request") from None
