"""Cuts JSON lines into blocks. Knows nothing of what the lines say, nor where they come from.

A block is cut where a thread begins, else where a run begins, so that what belongs together is mostly in one block.
What is no object of the API (write_extras.py) stands for itself, so a block may be cut before any.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count, repeat
from typing import NamedTuple, Protocol

READ_BYTES = 1 << 20
BLOCK_BYTES = 3 << 20
LOOSE_BYTES = 2 * BLOCK_BYTES  # from here on a block may be cut between two runs of a thread
MAX_BLOCK_BYTES = 32 << 20  # and from here on anywhere
MAX_LINE_BYTES = 64 << 20  # the largest body that the service reads
THREAD = (b'"object":"thread"', b'"object": "thread"')
RUN = (b'"object":"thread.run"', b'"object": "thread.run"')
EXTRA = (b'{"object":"runsdash.', b'{"object": "runsdash.')  # how a line begins that is no object of the API
# In place of a line:
TOO_LONG, DAMAGED, NOT_JSON, CUT_OFF, UTF_16 = b"too long", b"damaged", b"no JSON from here", b"cut off", b"UTF-16"
REASONS = {
    TOO_LONG: "it is longer than 64 MB",
    DAMAGED: "this part of the zip is missing or damaged",
    NOT_JSON: "from here on the file is not JSON, or ends in the middle of an object",
    CUT_OFF: "from here on the gzip file is cut off or damaged",
    UTF_16: "this file is UTF-16 or UTF-32. Save it as UTF-8",
}


class Origin(NamedTuple):
    """Names the file of a line. `read_at`: the age of objects that say none."""

    name: str
    read_at: datetime


@dataclass
class Block:
    """Holds lines, mostly of one file. `first`: the number of the first; `read_at`: the age of objects that say none.

    `numbers`: those of the lines, where they do not simply go on from `first`; `origins`: their files, where there are
    several.
    """

    name: str
    read_at: datetime
    first: int = 1
    lines: list[bytes] = field(default_factory=list)
    size: int = 0
    numbers: list[int] | None = None
    origins: list[Origin] | None = None

    def placed(self) -> Iterator[tuple[Origin, int, bytes]]:
        """Yields lines with their file and number."""
        origins = self.origins or repeat(Origin(self.name, self.read_at))
        return zip(origins, self.numbers or count(self.first), self.lines)  # noqa: B905  some may be endless

    def read_at_of(self, place: int) -> datetime:
        return self.origins[place].read_at if self.origins else self.read_at

    def add_placed(self, origin: Origin, number: int, line: bytes, *, size: int) -> None:
        """Adds a line to a block that has `numbers` and `origins`."""
        self.lines.append(line)
        if self.numbers is not None and self.origins is not None:
            self.numbers.append(number)
            self.origins.append(origin)
        self.size += size

    def add(self, lines: list[bytes]) -> None:
        self.lines += lines
        self.size += sum(map(len, lines)) + len(lines)

    def cut(self) -> int:
        """Finds the line to cut before, as late as may be; 0: nowhere yet."""
        if self.size >= MAX_BLOCK_BYTES:
            return len(self.lines)
        heads = THREAD + RUN if self.size >= LOOSE_BYTES else THREAD
        places = (place for place in range(len(self.lines) - 1, 0, -1) if is_head(self.lines[place], heads))
        return next(places, 0)


def is_head(line: bytes, heads: Iterable[bytes]) -> bool:
    return line.startswith(EXTRA) or any(head in line for head in heads)


class BlockSource(Protocol):
    """Gives blocks, one after the other."""

    def blocks(self) -> Iterator[Block]: ...


class ImportFile(Protocol):
    """Gives bytes, from a place on that was reached before."""

    def read(self, size: int, /) -> bytes: ...

    def seek(self, place: int, /) -> int: ...


@dataclass(frozen=True)
class ImportSource:
    """Reads a file. `read_at`: the age of objects that say none."""

    name: str
    file: ImportFile
    read_at: datetime

    def blocks(self) -> Iterator[Block]:
        block = Block(self.name, self.read_at)
        for some in self.lines():
            block.add(some)
            place = block.cut() if block.size >= BLOCK_BYTES else 0
            if place:
                rest = Block(self.name, self.read_at, block.first + place)
                rest.add(block.lines[place:])
                del block.lines[place:]
                block.size -= rest.size
                yield block
                block = rest
        if block.lines:
            yield block

    def lines(self) -> Iterator[list[bytes]]:
        """Yields lines without their ends, many at a time, which is quicker than one by one."""
        rest: list[bytes] = []
        rest_bytes, is_too_long = 0, False
        while chunk := self.file.read(READ_BYTES):
            *whole, last = chunk.split(b"\n")
            if whole:
                whole[0] = TOO_LONG if is_too_long else b"".join([*rest, whole[0]])
                rest, rest_bytes, is_too_long = [], 0, False
            rest.append(last)
            rest_bytes += len(last)
            if rest_bytes > MAX_LINE_BYTES:
                rest, is_too_long = [], True
            yield whole
        if rest_bytes:
            yield [TOO_LONG if is_too_long else b"".join(rest)]
