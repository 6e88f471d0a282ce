"""Connections that cost their owner nothing and the server a place: begun, dripped into, never read, never closed.

One thread holds all of them by a selector. Each kind is bounded in number, and everything is closed in the end.
"""

import contextlib
import selectors
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

DIAL_S = 5
ROUND_S = 0.25  # between two drips of a connection
READ_BYTES = 4096
SMALL_BUFFER = 4096  # so that what is not read waits at the server


@dataclass(frozen=True)
class Kind:
    """`says` is sent at once, `drips` a piece a round; one that does not read leaves all answers where they are."""

    name: str
    count: int
    says: bytes
    drips: bytes = b""
    reads: bool = True
    lives: int = 3  # how often each begins anew when it is closed, the first time counted


@dataclass
class Held:
    """`with Held(port, kinds) as held:` keeps them open until the end; those that are closed begin anew.

    `begun` and `ended` count connections by kind, `heard` the status lines that came.
    """

    port: int
    kinds: list[Kind]
    begun: Counter = field(default_factory=Counter)
    ended: Counter = field(default_factory=Counter)
    heard: Counter = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.stop = threading.Event()
        self.poller = selectors.DefaultSelector()
        self.left: dict[socket.socket, bytes] = {}  # what has not been taken yet
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self) -> "Held":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(timeout=4 * DIAL_S)
        assert not self.thread.is_alive(), "held connections do not end"

    def run(self) -> None:
        try:
            for kind in self.kinds:
                for _ in range(kind.count):
                    self.begin(kind)
            while not self.stop.is_set():
                self.go_round()
        finally:
            for wire in list(self.left):
                self.poller.unregister(wire)
                wire.close()
            self.poller.close()

    def begin(self, kind: Kind) -> None:
        if self.stop.is_set() or self.begun[kind.name] >= kind.count * kind.lives:
            return
        wire = socket.socket()
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        wire.settimeout(DIAL_S)
        try:
            wire.connect(("127.0.0.1", self.port))
        except OSError:
            wire.close()
            return
        wire.setblocking(False)
        self.left[wire] = kind.says
        self.poller.register(wire, selectors.EVENT_READ if kind.reads else selectors.EVENT_WRITE, kind)
        self.begun[kind.name] += 1

    def go_round(self) -> None:
        until = time.monotonic() + ROUND_S
        for key, _ in self.poller.select(timeout=ROUND_S):
            if key.data.reads:
                self.read(key.fileobj, key.data)
        for wire, key in [(key.fileobj, key) for key in self.poller.get_map().values()]:
            self.say(wire, key.data)
        self.stop.wait(max(0.0, until - time.monotonic()))

    def read(self, wire: socket.socket, kind: Kind) -> None:
        try:
            block = wire.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            block = b""
        if block.startswith(b"HTTP/1.1 "):
            self.heard[kind.name, int(block[9:12])] += 1
        if not block:
            self.end(wire, kind)

    def say(self, wire: socket.socket, kind: Kind) -> None:
        what = self.left[wire] or kind.drips
        if not what:
            return
        try:
            self.left[wire] = what[wire.send(what) :]
        except BlockingIOError:
            return
        except OSError:
            self.end(wire, kind)

    def end(self, wire: socket.socket, kind: Kind) -> None:
        with contextlib.suppress(KeyError):
            del self.left[wire]
            self.poller.unregister(wire)
            wire.close()
            self.ended[kind.name] += 1
            self.begin(kind)
