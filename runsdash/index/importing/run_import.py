"""Drives an import: reads blocks ahead, extracts them in processes of their own, writes them in order.

Memory stays bounded: a few blocks are in flight. Steps that come before their run wait in a temporary file and are
taken in at the end.
"""

import gc
import multiprocessing
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from typing import BinaryIO

from django.db import connection as database

from runsdash.index.models import Connection
from runsdash.index.storage.bodies import unpacked

from . import archived_assistants, archived_files, export_fields
from .block_rows import begin, block_rows
from .blocks import Block, ImportSource
from .database_settings import change_to, settings_of_the_session, wanted_settings
from .gc_pause import uncollected
from .read_line import Context
from .row_types import BlockRows, OrphanStep, RefusedLine
from .skip_known import RemainingBlock, skip_known
from .two_writers import done_in_order
from .write_blocks import Writer, WriteResult, hear_again
from .write_extras import Extras, write_extras

PROCESSES = max(1, min(2, (os.cpu_count() or 1)))
IN_FLIGHT = 3  # blocks a process
EXTRA_BYTES_IN_FLIGHT = 16 << 20
RUNS_A_TRANSACTION = 2_000
BYTES_A_TRANSACTION = 24 << 20
GROUPS_A_COLLECTION = 20
PAUSE_S = 0.02  # at least, between transactions, so that other writers get their turn
MAX_REFUSED_LINES = 100  # that are named one by one
Group = list[tuple[RemainingBlock, BlockRows]]


@dataclass
class Totals:
    """What came of an import so far. `refused_lines` are the first of `refused` lines; `back`: purged threads that came back."""

    runs: int = 0
    steps: int = 0
    messages: int = 0
    threads: int = 0
    files: int = 0
    assistants: int = 0
    back: int = 0
    unchanged: int = 0
    refused: int = 0
    orphan_steps: int = 0
    refused_lines: list[RefusedLine] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @property
    def rows(self) -> int:
        return self.runs + self.steps + self.messages + self.threads + self.files + self.assistants

    @property
    def taken_s(self) -> float:
        return max(time.monotonic() - self.began, 1e-6)

    def add(self, group: "GroupResult") -> None:
        for name in ("runs", "steps", "messages", "threads", "back"):
            setattr(self, name, getattr(self, name) + getattr(group.written, name))
        self.unchanged += sum(one.unchanged for one in group.remaining)
        self.refuse(group.refused_lines)

    def add_extras(self, extras: Extras) -> None:
        self.files += extras.written[archived_files.OBJECT]
        self.assistants += extras.written[archived_assistants.OBJECT]
        self.unchanged += extras.unchanged
        self.refuse(extras.refused_lines)

    def refuse(self, refused_lines: Iterable[RefusedLine]) -> None:
        for trouble in refused_lines:
            self.refused += 1
            if len(self.refused_lines) < MAX_REFUSED_LINES:
                self.refused_lines.append(trouble)


def import_sources(
    connection: Connection,
    sources: Iterable[ImportSource],
    *,
    processes: int = PROCESSES,
    on_progress: Callable[[Totals], None] = lambda _: None,
) -> Totals:
    """Takes in all objects of the sources; `on_progress` hears the totals after each transaction."""
    now = datetime.now(UTC)
    zone = "+00" if database.vendor == "postgresql" else ""
    context = Context(connection.pk, now, zone=zone, is_archive=not connection.is_enabled)
    totals, writer = Totals(), Writer(connection, context)
    # The writer refers to no row that it has not seen or written; to look each up again is a tenth of SQLite's work.
    values = wanted_settings()
    land = partial(landed, writer=writer, totals=totals, processes=processes, begin=partial(change_to, values))
    with (
        settings_of_the_session(values),
        uncollected(),
        database.constraint_checks_disabled(),
        tempfile.TemporaryFile() as waiting,
    ):
        blocks = (block for source in sources for block in source.blocks())
        heard: set[int] = set()
        for written in land(blocks):
            keep(written.orphan_steps, waiting)
            heard |= written.heard
            on_progress(totals)
        waiting.seek(0)
        for written in land(ImportSource("waiting steps", waiting, now).blocks()):
            totals.orphan_steps += len(written.orphan_steps)
            on_progress(totals)
        hear_again(heard)
    return totals


def keep(orphan_steps: Iterable[OrphanStep], file: BinaryIO) -> None:
    """Steps whose run has not come yet, as lines with their age."""
    for part in orphan_steps:
        fields = {"_fetched_at": part.fetched_at.isoformat(), "_object": "thread.run.step", "_owner": part.run_id}
        file.write(export_fields.with_fields(unpacked(part.body[-1]), fields) + b"\n")


def landed(
    blocks: Iterable[Block], *, writer: Writer, totals: Totals, processes: int, begin: Callable[[], None]
) -> Iterator[WriteResult]:
    """Writes the blocks in groups, one transaction each; in their order what may refer to rows of an earlier one."""
    groups = grouped(in_processes(blocks, writer.context, processes))
    written = done_in_order(
        partial(write_group, writer=writer),
        groups,
        begin=begin,
        collided=lambda one: one.written.collided,
    )
    for number, one in enumerate(written, start=1):
        totals.add(one)
        # Files come when all that names them is there, also in the groups before.
        for read in one.remaining:
            totals.add_extras(write_extras(writer.connection, read.extras, read.block, writer.context))
        yield one.written
        if number % GROUPS_A_COLLECTION == 0:
            gc.collect()


def grouped(pairs: Iterable[tuple[RemainingBlock, BlockRows]]) -> Iterator[Group]:
    """As much as one transaction takes, with a pause at least between two."""
    group: Group = []
    again_at = time.monotonic()
    for pair in pairs:
        group.append(pair)
        runs = sum(len(one.runs) for _, one in group)
        if runs >= RUNS_A_TRANSACTION or sum(one.size for _, one in group) >= BYTES_A_TRANSACTION:
            time.sleep(max(0.0, again_at - time.monotonic()))
            yield group
            again_at = time.monotonic() + PAUSE_S
            group = []
    if group:
        yield group


@dataclass
class GroupResult:
    written: WriteResult
    remaining: list[RemainingBlock]
    refused_lines: list[RefusedLine]


def write_group(group: Group, writer: Writer) -> GroupResult:
    blocks, known = [block for _, block in group], [one for one, _ in group]
    written = writer.write(blocks, known)
    return GroupResult(written, known, [trouble for block in blocks for trouble in block.refused_lines])


def in_processes(
    blocks: Iterable[Block], context: Context, processes: int
) -> Iterator[tuple[RemainingBlock, BlockRows]]:
    """Rows of the blocks, in order. A single block is not worth a process; `processes` 0: none is made."""
    ahead = iter(blocks)
    first = list(islice(ahead, 2))
    blocks = chain(first, ahead)
    if processes and len(first) > 1:
        yield from spread(blocks, context, processes)
        return
    for block in blocks:
        one = skip_known(block, context)
        yield one, block_rows(one.block, context)


def spread(blocks: Iterable[Block], context: Context, processes: int) -> Iterator[tuple[RemainingBlock, BlockRows]]:
    flying: deque[tuple[RemainingBlock, Future[BlockRows]]] = deque()
    # Spawned, not forked: a fork would carry connections and threads of this process along.
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=begin) as pool:
        for block in blocks:
            one = skip_known(block, context)
            flying.append((one, pool.submit(block_rows, one.block, context)))
            one.block = Block(block.name, block.first, block.read_at)  # its lines are in the other process now
            while len(flying) >= processes * IN_FLIGHT or extra_bytes(flying) > EXTRA_BYTES_IN_FLIGHT:
                yield landed_one(flying)
        while flying:
            yield landed_one(flying)


def extra_bytes(flying: Iterable[tuple[RemainingBlock, Future[BlockRows]]]) -> int:
    """Archived files that wait until the rows of their block are written."""
    return sum(len(line) for one, _ in flying for _, line in one.extras)


def landed_one(flying: deque[tuple[RemainingBlock, Future[BlockRows]]]) -> tuple[RemainingBlock, BlockRows]:
    one, future = flying.popleft()
    return one, future.result()
