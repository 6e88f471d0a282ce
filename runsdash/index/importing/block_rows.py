"""Makes the rows of a block of lines. Pure: no database and no settings, so that it runs in processes of its own."""

import contextlib
import gc
import os
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from runsdash.index.fulltext.run_texts import Text
from runsdash.index.snapshots.rows import positioned_messages, positioned_steps
from runsdash.service.decoding import decode_json
from runsdash.service.objects import Message, Run, RunStep, parsing

from .blocks import Block
from .fast.messages import FastMessage, fast_message_rows
from .fast.runs import FastRun, fast_run_key, fast_run_rows
from .fast.steps import FastStep, fast_positions, fast_step_rows
from .fast.usual_lines import read_usual_line
from .gc_pause import uncollected
from .read_line import BadLine, Context, ImportLine, read_line
from .row_types import BlockRows, MessageRows, OrphanStep, RefusedLine, RunRows, RunSnapshot, ThreadSnapshot
from .rows_from_objects import StepRows, message_rows, orphan_step, run_key, run_rows, step_rows
from .thread_messages import ThreadMessages

NICE = 5  # the writer goes first: a process that makes rows waits for it most of the time


class DatedStep(NamedTuple):
    """Gives a step its place among those of its run. `step`: None of one that was read fast."""

    created_at: datetime | None
    type: str
    line: ImportLine
    step: RunStep | None


class DatedMessage(NamedTuple):
    """Gives a message its place among those of its thread. `message`: None of one that was read fast."""

    created_at: datetime | None
    role: str
    run_id: str | None
    line: ImportLine
    message: Message | None


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
    for number, text in enumerate(block.lines, start=block.first):
        if not text or text.isspace():
            continue
        try:
            line = read_usual_line(text, read_at=block.read_at, context=context)
            line = line or read_line(text, read_at=block.read_at, context=context)
            lines[line.kind].append(line)
        except BadLine as error:
            found.refused_lines.append(RefusedLine(block.name, number, str(error)))
    found.threads = [ThreadSnapshot(line.id, line.fetched_at, line.value, line.kept) for line in lines["thread"]]
    thread_messages = take_messages(found, newest(lines["thread.message"]), context)
    steps = by_owner(newest(lines["thread.run.step"]))
    take_runs(found, lines["thread.run"], steps, thread_messages, context)
    found.orphan_steps = [orphan_of(line, context) for own in steps.values() for line in own]
    return found


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
        if line.id in found.runs:
            found.later_snapshots.append(RunSnapshot(line.body, line.owner_id, line.fetched_at))
            continue
        with_steps = fast_run_with_steps if isinstance(line.value, FastRun) else run_with_steps
        found.runs[line.id] = with_steps(line, steps, thread_messages, context)


def fast_run_with_steps(
    line: ImportLine,
    steps: dict[str, list[ImportLine]],
    thread_messages: dict[str, ThreadMessages],
    context: Context,
) -> RunRows:
    run, created_at = line.value, parsing.moment(line.value.created_at)
    key = fast_run_key(run, context)
    own = own_steps(steps.pop(run.id, []), created_at, key, context)
    return fast_run_rows(key, line, created_at, own, thread_messages.get(run.thread_id, ThreadMessages()), context)


def run_with_steps(
    line: ImportLine,
    steps: dict[str, list[ImportLine]],
    thread_messages: dict[str, ThreadMessages],
    context: Context,
) -> RunRows:
    run = Run.from_raw(line.value)
    key, created_at = run_key(run, line, context), run.created_at or line.fetched_at
    own = own_steps(steps.pop(run.id, []), created_at, key, context)
    return run_rows(key, run, line, own, thread_messages.get(run.thread_id, ThreadMessages()), context)


def own_steps(lines: list[ImportLine], run_created_at: datetime, run_key: int, context: Context) -> list[StepRows]:
    """Makes the rows of a run's steps, in their order."""
    if all(isinstance(line.value, FastStep) for line in lines):
        placed = fast_positions(lines, run_created_at)
        return [fast_step_rows(line, context, run_key=run_key, position=position) for line, position in placed]
    return [
        fast_step_rows(one.line, context, run_key=run_key, position=position)
        if one.step is None
        else step_rows(one.step, one.line, context, run_key=run_key, position=position, fallback=run_created_at)
        for one, position in positioned_steps(map(dated_step, lines), run_created_at=run_created_at)
    ]


def dated_step(line: ImportLine) -> DatedStep:
    value = line.value
    if isinstance(value, FastStep):
        return DatedStep(parsing.moment(value.created_at), value.type, line, None)
    step = RunStep.from_raw(value)
    return DatedStep(step.created_at, step.type, line, step)


def orphan_of(line: ImportLine, context: Context) -> OrphanStep:
    raw = decode_json(line.body) if isinstance(line.value, FastStep) else line.value
    return orphan_step(RunStep.from_raw(raw), line, context)


def take_messages(found: BlockRows, lines: Iterable[ImportLine], context: Context) -> dict[str, ThreadMessages]:
    """Adds messages; returns what is written in each thread, for the words of its runs."""
    thread_messages: dict[str, ThreadMessages] = {}
    for thread_id, own in by_owner(lines).items():
        messages = [dated_message(line) for line in own]
        thread_messages[thread_id] = ThreadMessages()
        for one, created_at, position in positioned_messages(messages, fallback=own[0].fetched_at):
            rows, texts = rows_of_message(one, created_at, position, context)
            found.messages.append(rows)
            thread_messages[thread_id].add(one.run_id, one.role, position, texts)
    return thread_messages


def dated_message(line: ImportLine) -> DatedMessage:
    value = line.value
    if isinstance(value, FastMessage):
        return DatedMessage(parsing.moment(value.created_at), value.role, value.run_id or None, line, None)
    message = Message.from_raw(value)
    return DatedMessage(message.created_at, message.role, message.run_id, line, message)


def rows_of_message(
    one: DatedMessage, created_at: datetime, position: int, context: Context
) -> tuple[MessageRows, list[Text]]:
    if one.message is None:
        return fast_message_rows(one.line, created_at, position, context)
    return message_rows(one.message, one.line, created_at, position, context)
