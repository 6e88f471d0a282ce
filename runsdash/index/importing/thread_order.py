"""Tells to which thread a line belongs, without reading all of it, and whether lines come thread by thread. Pure."""

from typing import NamedTuple

from msgspec import DecodeError, Struct, field
from msgspec.json import Decoder

from .blocks import Block

MOST_THREADS = 500_000  # that are numbered as they come, for 60 MB; those behind them are in the order of their hashes
LAST = 1 << 62  # behind all threads: what names none, and what cannot be read
HASH_BITS = 60


class Head(Struct):
    """Names what tells where a line belongs; anything else in it is passed over."""

    id: str = ""
    kind: str = field(name="object", default="")
    thread_id: str | None = None
    run_id: str | None = None
    added_kind: str = field(name="_object", default="")
    owner: str | None = field(name="_owner", default=None)


class LineKey(NamedTuple):
    """Sorts lines: by thread, in it the thread itself, runs each with its steps, messages, files."""

    thread: int
    rank: int
    run_id: str
    is_step: bool


THREAD, RUN, MESSAGE, REST = range(4)
UNREAD = LineKey(LAST, REST, "", False)
head_of = Decoder(Head).decode


class ThreadNumbers:
    """Numbers threads as they come, so that sorted lines are in the order in which their threads came."""

    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}

    @property
    def is_full(self) -> bool:
        return len(self.numbers) >= MOST_THREADS

    def of(self, thread_id: str | None) -> int:
        if not thread_id:
            return LAST
        key = hash(thread_id)  # two of one hash stand in one another's lines, which only costs time
        found = self.numbers.get(key)
        if found is not None:
            return found
        if self.is_full:
            return MOST_THREADS + (key & (1 << HASH_BITS) - 1)
        self.numbers[key] = number = len(self.numbers)
        return number

    def key_of(self, line: bytes) -> LineKey:
        try:
            head = head_of(line)
        except (DecodeError, RecursionError, UnicodeDecodeError):
            return UNREAD
        kind = head.added_kind or head.kind
        if kind == "thread.run.step":
            return LineKey(self.of(head.thread_id), RUN, head.owner or head.run_id or "", True)
        if kind == "thread.message":
            return LineKey(self.of(head.owner or head.thread_id), MESSAGE, "", False)
        if kind == "thread.run":
            return LineKey(self.of(head.owner or head.thread_id), RUN, head.id, False)
        if kind == "thread":
            return LineKey(self.of(head.id), THREAD, "", False)
        return LineKey(self.of(head.thread_id), REST, "", False)


class ThreadOrder:
    """Watches blocks go by, and tells when one is not in the order of its threads.

    Objects of one kind alone at the start are the first of several lists, so they are in no order, either.
    """

    def __init__(self) -> None:
        self.threads = ThreadNumbers()
        self.newest = -1
        self.is_first = True

    def is_broken_by(self, block: Block) -> bool:
        if self.threads.is_full:
            return False
        kinds = set()
        for line in block.lines:
            key = self.threads.key_of(line)
            if key.thread == LAST:
                continue
            if key.thread < self.newest:
                return True
            self.newest = key.thread
            kinds.add((key.rank, key.is_step))
        is_list, self.is_first = self.is_first and len(kinds) == 1, False
        return is_list
