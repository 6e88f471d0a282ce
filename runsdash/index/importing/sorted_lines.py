"""Sorts lines by their threads, on disk, so that an import finds what belongs together.

Sorted pieces of bounded size wait in temporary files and are merged. Each line keeps its file and number.
"""

import heapq
import marshal
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from .blocks import BLOCK_BYTES, LOOSE_BYTES, MAX_BLOCK_BYTES, READ_BYTES, Block, Origin
from .thread_order import LAST, MESSAGE, RUN, LineKey, ThreadNumbers, ThreadOrder

PIECE_BYTES = 48 << 20
FULL_BYTES = BLOCK_BYTES + READ_BYTES  # as large as a block gets where a file is read a portion at a time
LINE_BYTES = 300  # what a line takes beside its text
BATCH_BYTES = 128 << 10
MOST_PIECES = 100  # open at once
LENGTH_BYTES = 8
NEW_THREAD, NEW_RUN, INSIDE = "T", "R", "-"  # how good a place to cut before it a line is
SEPARATOR = b"\t"
Keyed = tuple[
    int, int, str, bool, int, int, int, bytes
]  # the fields of LineKey, place in the input, number of the origin, number in its file, line


class SortedLine(NamedTuple):
    """Holds a line in its new place. `size`: what it takes where it is kept."""

    cut: str
    origin: int
    number: int
    line: bytes
    size: int


def by_thread(blocks: Iterable[Block]) -> Iterator[Iterator[Block]]:
    """Yields blocks in one part while they come thread by thread, then the sorted rest in another.

    Take all of a part before you take the next: what was written of the first is known when the second is read.
    """
    rest = iter(blocks)
    broken: list[Iterator[Block]] = []
    first = list(islice(rest, 2))
    if len(first) < 2:  # what is in one block is side by side
        yield iter(first)
        return
    yield passed_on(chain(first, rest), broken)
    for unsorted in broken:
        yield sorted_blocks(unsorted)


def passed_on(blocks: Iterator[Block], broken: list[Iterator[Block]]) -> Iterator[Block]:
    """Passes blocks on up to the one that breaks the order; it and what follows go into `broken`."""
    order = ThreadOrder()
    for block in blocks:
        if order.is_broken_by(block):
            broken.append(chain([block], blocks))
            return
        yield block


def is_by_thread(blocks: Iterable[Block]) -> bool:
    """Tells whether `by_thread` would pass all blocks on."""
    rest = iter(blocks)
    first = list(islice(rest, 2))
    order = ThreadOrder()
    return len(first) < 2 or not any(order.is_broken_by(block) for block in chain(first, rest))


def sorted_blocks(blocks: Iterable[Block]) -> Iterator[Block]:
    origins: list[Origin] = []
    with ExitStack() as stack:
        yield from cut_blocks(with_cuts(sorted_lines(blocks, origins, stack)), origins)


# Sorting


def sorted_lines(blocks: Iterable[Block], origins: list[Origin], stack: ExitStack) -> Iterator[Keyed]:
    """Yields all lines that are not empty, sorted; `origins` gets where they come from."""
    threads, numbers = ThreadNumbers(), {origin: number for number, origin in enumerate(origins)}
    pieces: list[BinaryIO] = []
    lines: list[Keyed] = []
    size, place = 0, 0
    for block in blocks:
        for origin, number, line in block.placed():
            if not line or line.isspace():
                continue
            if origin not in numbers:
                numbers[origin] = len(origins)
                origins.append(origin)
            place += 1
            lines.append((*threads.key_of(line), place, numbers[origin], number, line))
            size += len(line) + LINE_BYTES
        if size >= PIECE_BYTES:
            lines.sort()
            pieces.append(kept(lines, stack))
            lines, size = [], 0
            if len(pieces) >= MOST_PIECES:
                pieces = [kept(merged(pieces), stack)]
    lines.sort()
    yield from heapq.merge(merged(pieces), lines) if pieces else lines


def kept(lines: Iterable[Keyed], stack: ExitStack) -> BinaryIO:
    """Writes sorted lines into a temporary file, some at a time."""
    file = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  the stack closes it
    batch, size = [], 0
    for line in lines:
        batch.append(line)
        size += len(line[-1])
        if size >= BATCH_BYTES:
            write_batch(file, batch)
            batch, size = [], 0
    write_batch(file, batch)
    return file


def write_batch(file: BinaryIO, batch: list[Keyed]) -> None:
    content = marshal.dumps(batch)
    file.write(len(content).to_bytes(LENGTH_BYTES, "big") + content)


def merged(pieces: list[BinaryIO]) -> Iterator[Keyed]:
    return heapq.merge(*map(lines_of_piece, pieces))


def lines_of_piece(file: BinaryIO) -> Iterator[Keyed]:
    file.seek(0)
    while length := file.read(LENGTH_BYTES):
        yield from marshal.loads(file.read(int.from_bytes(length, "big")))
    file.close()


# Cutting


def with_cuts(lines: Iterable[Keyed]) -> Iterator[SortedLine]:
    before = LineKey(-1, 0, "", False)
    for *key, _, origin, number, line in lines:
        now = LineKey._make(key)
        cut = INSIDE
        if now.thread != before.thread:
            cut = NEW_THREAD
        elif now.rank >= MESSAGE or (now.rank == RUN and now.run_id != before.run_id) or now.thread == LAST:
            cut = NEW_RUN
        yield SortedLine(cut, origin, number, line, len(line) + 1)
        before = now


def cut_blocks(lines: Iterable[SortedLine], origins: list[Origin]) -> Iterator[Block]:
    """Makes blocks as `ImportSource` does, cut where a thread begins, a large one between its runs."""
    block: Block | None = None
    for one in lines:
        if block is not None and may_cut(block.size, one.cut):
            yield block
            block = None
        if block is None:
            block = Block(*origins[one.origin], lines=[], numbers=[], origins=[])
        block.add_placed(origins[one.origin], one.number, one.line, size=one.size)
    if block is not None:
        yield block


def may_cut(size: int, cut: str) -> bool:
    limit = {NEW_THREAD: FULL_BYTES, NEW_RUN: LOOSE_BYTES}.get(cut, MAX_BLOCK_BYTES)
    return size >= limit


# In a file, for an import that may be begun again


def write_sorted(blocks: Iterable[Block], path: Path) -> None:
    """Writes the lines of one file, sorted, so that they can be read from any block on."""
    with ExitStack() as stack, path.open("wb") as file:
        for one in with_cuts(sorted_lines(blocks, [], stack)):
            head = f"{one.cut}\t{one.number}\t".encode()
            file.write(head + one.line + b"\n")


class SortedFile:
    """Reads what `write_sorted` wrote. `origin`: the file that it was."""

    def __init__(self, path: Path, origin: Origin, *, start: int) -> None:
        self.path, self.origin, self.start = path, origin, start

    def blocks(self) -> Iterator[Block]:
        yield from cut_blocks(self.lines(), [self.origin])

    def lines(self) -> Iterator[SortedLine]:
        with self.path.open("rb") as file:
            file.seek(self.start)
            for record in file:
                cut, number, line = record.split(SEPARATOR, 2)
                yield SortedLine(cut.decode(), 0, int(number), line[:-1], len(record))
