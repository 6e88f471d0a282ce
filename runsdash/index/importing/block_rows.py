"""A block of lines as rows. Pure: no database and no settings, so that it runs in processes of its own."""

import contextlib
import gc
import os
from collections.abc import Iterable
from datetime import datetime

from runsdash.index.fulltext.run_texts import Text
from runsdash.index.importing.fast.messages import DatedMessage, dated_message, fast_message_line, fast_message_rows
from runsdash.index.importing.fast.runs import FastRun, fast_run_key, fast_run_line, fast_run_rows
from runsdash.index.importing.fast.steps import (
    FastStep,
    Plain,
    fast_positions,
    fast_step_line,
    fast_step_rows,
    plain_step,
)
from runsdash.index.snapshots.rows import positioned_messages, positioned_steps
from runsdash.service.decoding import decode_json
from runsdash.service.objects import Run, RunStep, parsing

from .blocks import Block
from .gc_pause import uncollected
from .read_line import BadLine, Context, ImportLine, read_line
from .row_types import (
    BlockRows,
    MessageRows,
    OrphanStep,
    RefusedLine,
    RunRows,
    RunSnapshot,
    ThreadSnapshot,
)
from .rows_from_objects import (
    StepRows,
    dated_step,
    message_rows,
    orphan_step,
    run_key,
    run_rows,
    step_rows,
)
from .thread_messages import ThreadMessages

NICE = 5  # the writer goes first: a process that extracts waits for it most of the time


def begin() -> None:
    """In a process that only extracts."""
    gc.disable()
    with contextlib.suppress(AttributeError, OSError):  # not every system has it
        os.nice(NICE)


def block_rows(block: Block, context: Context) -> BlockRows:
    """The rows of a block. A line that cannot be read becomes a RefusedLine, the rest goes on."""
    with uncollected():
        return rows_of(block, context)


def rows_of(block: Block, context: Context) -> BlockRows:
    found = BlockRows(size=block.size)
    lines: dict[str, list[ImportLine]] = {"thread": [], "thread.run": [], "thread.run.step": [], "thread.message": []}
    for number, line in enumerate(block.lines, start=block.first):
        if not line or line.isspace():
            continue
        plain = fast_step_line(line, read_at=block.read_at, context=context)
        plain = plain or fast_message_line(line, read_at=block.read_at, context=context)
        plain = plain or fast_run_line(line, read_at=block.read_at, context=context)
        if plain:
            lines[plain.kind].append(plain)
            continue
        try:
            read = read_line(line, read_at=block.read_at, context=context)
        except BadLine as refusal:
            found.refused_lines.append(RefusedLine(block.name, number, str(refusal)))
        else:
            lines[read.kind].append(read)
    for line in lines["thread"]:
        found.threads.append(ThreadSnapshot(line.id, line.fetched_at, line.value, line.kept))
    thread_messages = take_messages(found, newest(lines["thread.message"]), context)
    steps = by_owner(newest(lines["thread.run.step"]))
    take_runs(found, lines["thread.run"], steps, thread_messages, context)
    found.loose = [loose_step(line, context) for own in steps.values() for line in own]
    return found


def newest(lines: Iterable[ImportLine]) -> Iterable[ImportLine]:
    """Of several snapshots of one object the newest; of two of one age the later one."""
    found: dict[str, ImportLine] = {}
    for line in lines:
        there = found.get(line.id)
        if there is None or there.fetched_at <= line.fetched_at:
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
    """Runs with their steps, which leave `steps`. The first snapshot of a run makes the row, others come after it."""
    for line in sorted(lines, key=lambda line: line.fetched_at):
        if line.id in found.runs:
            found.again.append(RunSnapshot(line.body, line.owner_id, line.fetched_at))
            continue
        part_of_run = fast_run_with_steps if isinstance(line.value, FastRun) else run_with_steps
        found.runs[line.id] = part_of_run(line, steps, thread_messages, context)


def fast_run_with_steps(
    line: ImportLine, steps: dict[str, list[ImportLine]], thread_messages: dict[str, ThreadMessages], context: Context
) -> RunRows:
    run, created_at = line.value, parsing.moment(line.value.created_at)
    key = fast_run_key(run, context)
    own = own_steps(steps.pop(run.id, []), created_at, key, context)
    return fast_run_rows(key, line, created_at, own, thread_messages.get(run.thread_id, ThreadMessages()), context)


def run_with_steps(
    line: ImportLine, steps: dict[str, list[ImportLine]], thread_messages: dict[str, ThreadMessages], context: Context
) -> RunRows:
    run = Run.from_raw(line.value)
    key, created_at = run_key(run, line, context), run.created_at or line.fetched_at
    own = own_steps(steps.pop(run.id, []), created_at, key, context)
    return run_rows(key, run, line, own, thread_messages.get(run.thread_id, ThreadMessages()), context)


def own_steps(lines: list[ImportLine], run_created_at: datetime, run_key: int, context: Context) -> list[StepRows]:
    """In their order."""
    if all(isinstance(line.value, FastStep) for line in lines):
        there = fast_positions(lines, run_created_at)
        return [fast_step_rows(line, context, of=run_key, position=position) for line, position in there]
    read = [plain_step(line) if isinstance(line.value, FastStep) else dated_step(line) for line in lines]
    return [
        fast_step_rows(step.line, context, of=run_key, position=position)
        if isinstance(step, Plain)
        else step_rows(step, context, of=run_key, position=position, fallback=run_created_at)
        for step, position in positioned_steps(read, run_created_at=run_created_at)
    ]


def loose_step(line: ImportLine, context: Context) -> OrphanStep:
    """A step whose run is not in the block."""
    raw = decode_json(line.body) if isinstance(line.value, FastStep) else line.value
    return orphan_step(RunStep.from_raw(raw), line, context)


def take_messages(found: BlockRows, lines: Iterable[ImportLine], context: Context) -> dict[str, ThreadMessages]:
    """Messages of the block; what is said in each thread, for the words of its runs."""
    thread_messages: dict[str, ThreadMessages] = {}
    for thread_id, own in by_owner(lines).items():
        messages = [dated_message(line) for line in own]
        thread_messages[thread_id] = ThreadMessages()
        for one, created_at, position in positioned_messages(messages, fallback=own[0].fetched_at):
            part, texts = rows_of_message(one, created_at, position, context)
            found.messages.append(part)
            thread_messages[thread_id].add(one.run_id, one.role, position, texts)
    return thread_messages


def rows_of_message(
    one: DatedMessage, created_at: datetime, position: int, context: Context
) -> tuple[MessageRows, list[Text]]:
    if one.message is None:
        return fast_message_rows(one.line, created_at, position, context)
    return message_rows(one.message, one.line, created_at, position, context)
