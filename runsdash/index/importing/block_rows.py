"""Makes the rows of a block of lines. Pure: no database and no settings, so that it runs in processes of its own."""

import contextlib
import gc
import os
from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from msgspec import Struct

from runsdash.index.snapshots.rows import positioned_messages, positioned_steps
from runsdash.index.storage.storable_text import stored_id
from runsdash.service.objects import Message, Run, RunStep

from .blocks import Block
from .fast.usual_lines import read_usual_line
from .gc_pause import uncollected
from .read_line import BadLine, Context, ImportLine, read_line
from .row_types import BlockRows, RefusedLine, RunRows, RunSnapshot, ThreadSnapshot
from .rows_from_objects import StepRows, digest_of, message_rows, orphan_step, run_key, run_rows, step_rows
from .thread_messages import ThreadMessages

NICE = 5  # the writer goes first: a process that makes rows waits for it most of the time


Object = TypeVar("Object", Run, RunStep, Message)


def begin() -> None:
    """Prepares a process that only makes rows."""
    gc.disable()
    with contextlib.suppress(AttributeError, OSError):  # not every system has it
        os.nice(NICE)


def block_rows(block: Block, context: Context) -> BlockRows:
    """Makes the rows of a block. A line that cannot be read becomes a RefusedLine, the rest goes on."""
    with uncollected():
        return rows_of(block, context)


def rows_of(block: Block, context: Context) -> BlockRows:
    found = BlockRows(size=block.size)
    lines: dict[str, list[ImportLine]] = {"thread": [], "thread.run": [], "thread.run.step": [], "thread.message": []}
    for origin, number, text in block.placed():
        if not text or text.isspace():
            continue
        try:
            line = read_usual_line(text, read_at=origin.read_at, context=context)
            line = line or read_line(text, read_at=origin.read_at, context=context)
            lines[line.kind].append(line)
        except BadLine as error:
            found.refused_lines.append(RefusedLine(origin.name, number, str(error)))
    found.threads = [thread_snapshot(line) for line in lines["thread"]]
    thread_messages = take_messages(found, newest(lines["thread.message"]), context)
    steps = by_owner(newest(lines["thread.run.step"]))
    take_runs(found, lines["thread.run"], steps, thread_messages, context)
    found.orphan_steps = [
        orphan_step(object_of(RunStep, line), line, context) for own in steps.values() for line in own
    ]
    return found


def thread_snapshot(line: ImportLine) -> ThreadSnapshot:
    return ThreadSnapshot(line.id, line.fetched_at, {} if isinstance(line.value, Struct) else line.value, line.kept)


def newest(lines: Iterable[ImportLine]) -> Iterable[ImportLine]:
    """Keeps of several snapshots of one object the newest; of two of one age the later one."""
    found: dict[str, ImportLine] = {}
    for line in lines:
        earlier = found.get(line.id)
        if earlier is None or earlier.fetched_at <= line.fetched_at:
            found[line.id] = line
    return found.values()


def by_owner(lines: Iterable[ImportLine]) -> dict[str, list[ImportLine]]:
    found: dict[str, list[ImportLine]] = {}
    for line in lines:
        found.setdefault(line.owner_id, []).append(line)
    return found


def take_runs(
    found: BlockRows,
    lines: Iterable[ImportLine],
    steps: dict[str, list[ImportLine]],
    thread_messages: dict[str, ThreadMessages],
    context: Context,
) -> None:
    """Adds runs with their steps, which leave `steps`. The first snapshot of a run makes its rows."""
    for line in sorted(lines, key=lambda line: line.fetched_at):
        earlier = found.runs.get(line.id)
        if earlier is not None:
            if is_copy(line, earlier):
                continue
            found.later_snapshots.append(RunSnapshot(line.body, line.owner_id, line.fetched_at))
            continue
        found.runs[line.id] = run_with_steps(line, steps, thread_messages, context)


def is_copy(line: ImportLine, earlier: RunRows) -> bool:
    return line.fetched_at == earlier.fetched_at and digest_of(line.body) == earlier.body.digest


def object_of(kind: type[Object], line: ImportLine) -> Object:
    """Returns the object of a line: as `read_usual_line` made it, or as the service reads any shape."""
    if isinstance(line.value, Struct):
        return line.value  # type: ignore[return-value]  # it answers as the object of the service
    return kind.from_raw(line.value)


def run_with_steps(
    line: ImportLine,
    steps: dict[str, list[ImportLine]],
    thread_messages: dict[str, ThreadMessages],
    context: Context,
) -> RunRows:
    run = object_of(Run, line)
    key, created_at = run_key(run, line, context), run.created_at or line.fetched_at
    own = own_steps(steps.pop(run.id, []), created_at, key, context)
    return run_rows(key, run, line, own, thread_messages.get(run.thread_id or "", ThreadMessages()), context)


def own_steps(lines: list[ImportLine], run_created_at: datetime, run_key: int, context: Context) -> list[StepRows]:
    """Makes the rows of a run's steps, in their order."""
    by_id = {line.id: line for line in lines}
    placed = positioned_steps([object_of(RunStep, line) for line in lines], run_created_at=run_created_at)
    return [
        step_rows(step, by_id[stored_id(step.id)], context, run_key=run_key, position=position, fallback=run_created_at)
        for step, position in placed
    ]


def take_messages(found: BlockRows, lines: Iterable[ImportLine], context: Context) -> dict[str, ThreadMessages]:
    """Adds messages; returns what is written in each thread, for the words of its runs."""
    thread_messages: dict[str, ThreadMessages] = {}
    for thread_id, own in by_owner(lines).items():
        by_id = {line.id: line for line in own}
        thread_messages[thread_id] = ThreadMessages()
        placed = positioned_messages([object_of(Message, line) for line in own], fallback=own[0].fetched_at)
        for message, created_at, position in placed:
            rows, texts = message_rows(message, by_id[stored_id(message.id)], created_at, position, context)
            found.messages.append(rows)
            thread_messages[thread_id].add(rows, position, texts)
    return thread_messages
