"""Files of JSON lines as blocks: plain or gzip, a path or standard input. Knows nothing of what the lines say.

A block is cut where a thread begins, else where a run begins, so that what belongs together is mostly in one block.
"""

import gzip
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

BLOCK_BYTES = 3 << 20
LOOSE_BYTES = 2 * BLOCK_BYTES  # from here on a block may be cut between two runs of a thread
MAX_BLOCK_BYTES = 32 << 20  # and from here on anywhere
MAX_LINE_BYTES = 64 << 20  # the largest body that the service reads
THREAD = (b'"object":"thread"', b'"object": "thread"')
RUN = (b'"object":"thread.run"', b'"object": "thread.run"')
GZIP = b"\x1f\x8b"
STDIN = "-"


@dataclass
class Block:
    """Lines of one file. `first` is the number of the first; `read_at` the age of objects that tell none."""

    name: str
    first: int
    read_at: datetime
    lines: list[bytes] = field(default_factory=list)
    size: int = 0


@dataclass(frozen=True)
class Source:
    name: str
    file: BinaryIO
    read_at: datetime

    def blocks(self) -> Iterator[Block]:
        block, number = Block(self.name, 1, self.read_at), 0
        while line := self.file.readline(MAX_LINE_BYTES):
            number += 1
            if block.size >= BLOCK_BYTES and may_cut_before(line, block.size):
                yield block
                block = Block(self.name, number, self.read_at)
            if not line.endswith(b"\n") and len(line) == MAX_LINE_BYTES:
                self.skip_line()
                line = b"too long"
            block.lines.append(line)
            block.size += len(line)
        if block.lines:
            yield block

    def skip_line(self) -> None:
        while rest := self.file.readline(MAX_LINE_BYTES):
            if rest.endswith(b"\n"):
                return


def may_cut_before(line: bytes, size: int) -> bool:
    if size >= MAX_BLOCK_BYTES:
        return True
    heads = THREAD + RUN if size >= LOOSE_BYTES else THREAD
    return any(head in line for head in heads)


@contextmanager
def sources_of(paths: Iterable[str]) -> Iterator[list[Source]]:
    """The files, open; `-` is standard input. Raises OSError."""
    with ExitStack() as stack:
        yield [source_of(path, stack) for path in paths]


def source_of(path: str, stack: ExitStack) -> Source:
    if path == STDIN:
        return Source("standard input", unpacked(sys.stdin.buffer), datetime.now(UTC))
    file = stack.enter_context(open(path, "rb"))  # noqa: SIM115  the stack closes it
    changed_at = datetime.fromtimestamp(int(Path(path).stat().st_mtime), UTC)
    return Source(Path(path).name, unpacked(file), min(changed_at, datetime.now(UTC)))


def unpacked(file: BufferedReader) -> BinaryIO:
    return gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == GZIP else file
