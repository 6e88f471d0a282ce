"""Drives an import: reads blocks ahead, makes their rows in processes of their own, writes them in order.

What does not come thread by thread is sorted first (sorted_lines.py). Memory stays bounded: a few blocks are in flight.
Steps that come before their run wait in a temporary file and are written at the end.
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
from runsdash.index.snapshots.known_rows import chunks
from runsdash.index.snapshots.write_children import make_known
from runsdash.index.storage.bodies import unpacked
from runsdash.service.json_types import JsonObject

from . import archived_assistants, archived_files, export_fields, notes
from .block_rows import begin, block_rows
from .blocks import Block, BlockSource, ImportSource
from .database_settings import change_to, settings_of_the_session, wanted_settings
from .gc_pause import uncollected
from .json_documents import opened
from .read_line import Context
from .row_types import BlockRows, OrphanStep, RefusedLine
from .skip_known import RemainingBlock, skip_known
from .sorted_lines import by_thread
from .two_writers import done_in_order
from .write_blocks import Writer, WriteResult, reindex_threads
from .write_extras import Extras, write_extras

PROCESSES = max(1, min(2, (os.cpu_count() or 1)))
IN_FLIGHT = 5  # blocks a process: all together more than a transaction takes, so that none waits while one is written
EXTRA_BYTES_IN_FLIGHT = 16 << 20
RUNS_A_TRANSACTION = 2_000
BYTES_A_TRANSACTION = 24 << 20
GROUPS_A_COLLECTION = 20
PAUSE_S = 0.02  # at least, between transactions, so that other writers get their turn
MAX_REFUSED_LINES = 100  # that are named one by one
ReadBlock = tuple[RemainingBlock, BlockRows]
PendingBlock = tuple[RemainingBlock, Future[BlockRows]]


@dataclass
class Totals:
    """Counts what came of an import so far.

    `refused_lines` are the first of `refused` lines; `back`: purged threads that came back.
    """

    runs: int = 0
    steps: int = 0
    messages: int = 0
    threads: int = 0
    files: int = 0
    assistants: int = 0
    notes: int = 0  # and labels
    back: int = 0
    unchanged: int = 0
    refused: int = 0
    orphan_steps: int = 0
    refused_lines: list[RefusedLine] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @property
    def rows(self) -> int:
        return self.runs + self.steps + self.messages + self.threads + self.files + self.assistants + self.notes

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
        self.notes += extras.written[notes.NOTE] + extras.written[notes.LABEL]
        self.unchanged += extras.unchanged
        self.refuse(extras.refused_lines)

    def refuse(self, lines: list[RefusedLine]) -> None:
        self.refused += len(lines)
        self.refused_lines += lines[: MAX_REFUSED_LINES - len(self.refused_lines)]


def import_sources(
    connection: Connection,
    sources: Iterable[BlockSource],
    *,
    processes: int = PROCESSES,
    is_by_thread: bool = False,
    on_progress: Callable[[Totals], None] = lambda _: None,
) -> Totals:
    """Imports all objects of the sources; `on_progress` is called with the totals after each transaction.

    `is_by_thread`: they come thread by thread, or as well as they can; otherwise that is seen to first.
    """
    now = datetime.now(UTC)
    zone = "+00" if database.vendor == "postgresql" else ""
    context = Context(connection.pk, now, zone=zone, is_archive=not connection.is_enabled)
    totals, writer, values = Totals(), Writer(connection, context), wanted_settings()
    write = partial(write_groups, writer=writer, totals=totals, processes=processes, begin=partial(change_to, values))
    with (
        settings_of_the_session(values),
        uncollected(),
        # The writer refers to rows that it has seen or written; to look each up again is a tenth of SQLite's work.
        database.constraint_checks_disabled(),
        tempfile.TemporaryFile() as orphans,
    ):
        reindex: set[int] = set()
        started: set[str] = set()
        blocks = map(opened, (block for source in sources for block in source.blocks()))
        for result in chain.from_iterable(map(write, [blocks] if is_by_thread else by_thread(blocks))):
            save_orphans(result.orphan_steps, orphans)
            reindex |= result.reindex
            started |= result.started
            on_progress(totals)
        orphans.seek(0)
        for result in write(ImportSource("waiting steps", orphans, now).blocks()):
            totals.orphan_steps += len(result.orphan_steps)
            started |= result.started
            on_progress(totals)
        reindex_threads(reindex)
        for some in chunks(sorted(started)):  # last of all: a thread that the import brings shall be new to it
            make_known(connection, set(some))
    return totals


def save_orphans(steps: Iterable[OrphanStep], file: BinaryIO) -> None:
    """Keeps steps whose run has not come yet, as lines with their age."""
    for step in steps:
        fields: JsonObject = {
            "_fetched_at": step.fetched_at.isoformat(),
            "_object": "thread.run.step",
            "_owner": step.run_id,
        }
        file.write(export_fields.with_fields(unpacked(step.body.raw), fields) + b"\n")


def write_groups(
    blocks: Iterable[Block], *, writer: Writer, totals: Totals, processes: int, begin: Callable[[], None]
) -> Iterator[WriteResult]:
    """Writes the blocks in groups, one transaction each; in their order what may refer to rows of an earlier one."""
    groups = grouped(read_blocks(blocks, writer.context, processes))
    results = done_in_order(
        partial(write_group, writer=writer),
        groups,
        begin=begin,
        collided=lambda one: one.written.collided,
    )
    for number, result in enumerate(results, start=1):
        totals.add(result)
        # Files come when all that names them is there, also in the groups before.
        for remaining in result.remaining:
            totals.add_extras(write_extras(writer.connection, remaining.extras, writer.context))
        yield result.written
        if number % GROUPS_A_COLLECTION == 0:
            gc.collect()


def grouped(blocks: Iterable[ReadBlock]) -> Iterator[list[ReadBlock]]:
    """Gathers as much as one transaction takes, with a pause at least between two."""
    group: list[ReadBlock] = []
    again_at = time.monotonic()
    for block in blocks:
        group.append(block)
        runs = sum(len(rows.runs) for _, rows in group)
        if runs >= RUNS_A_TRANSACTION or sum(rows.size for _, rows in group) >= BYTES_A_TRANSACTION:
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


def write_group(group: list[ReadBlock], writer: Writer) -> GroupResult:
    remaining, rows = [one for one, _ in group], [one for _, one in group]
    written = writer.write(rows, remaining)
    return GroupResult(written, remaining, [line for block in rows for line in block.refused_lines])


def read_blocks(blocks: Iterable[Block], context: Context, processes: int) -> Iterator[ReadBlock]:
    """Makes the rows of blocks, in order. A single block is not worth a process; `processes` 0: none is started."""
    ahead = iter(blocks)
    first = list(islice(ahead, 2))
    blocks = chain(first, ahead)
    if processes and len(first) > 1:
        yield from read_in_processes(blocks, context, processes)
        return
    for block in blocks:
        remaining = skip_known(block, context)
        yield remaining, block_rows(remaining.block, context)


def read_in_processes(blocks: Iterable[Block], context: Context, processes: int) -> Iterator[ReadBlock]:
    pending: deque[PendingBlock] = deque()
    # Spawned, not forked: a fork would carry connections and threads of this process along.
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=begin) as pool:
        for block in blocks:
            remaining = skip_known(block, context)
            pending.append((remaining, pool.submit(block_rows, remaining.block, context)))
            remaining.block = Block(block.name, block.read_at)  # its lines are in the other process now
            while len(pending) >= processes * IN_FLIGHT or extra_bytes(pending) > EXTRA_BYTES_IN_FLIGHT:
                yield next_read(pending)
        while pending:
            yield next_read(pending)


def extra_bytes(pending: Iterable[PendingBlock]) -> int:
    """Adds up the archived files that wait until the rows of their block are written."""
    return sum(len(line) for remaining, _ in pending for *_, line in remaining.extras)


def next_read(pending: deque[PendingBlock]) -> ReadBlock:
    remaining, rows = pending.popleft()
    return remaining, rows.result()
