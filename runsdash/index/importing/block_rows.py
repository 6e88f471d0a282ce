"""A block of lines as rows. Pure: no database and no settings, so that it runs in processes of its own."""

import contextlib
import gc
import os
from collections.abc import Iterable
from datetime import datetime

from runsdash.index.fulltext.run_texts import Text
from runsdash.index.importing.fast.messages import Placed, placed_message, plain_message_line, plain_message_part
from runsdash.index.importing.fast.runs import Usual, plain_run_key, plain_run_line, plain_run_part
from runsdash.index.importing.fast.steps import Plain, Step, own_plain, placed, plain_line, plain_step
from runsdash.index.snapshots.rows import positioned_messages, positioned_steps
from runsdash.service.decoding import decode_json
from runsdash.service.objects import Run, RunStep, parsing

from .blocks import Block
from .gc_pause import uncollected
from .read_line import Context, Line, Refused, read_line
from .row_types import (
    Again,
    Extracted,
    MessagePart,
    RunPart,
    StepPart,
    ThreadPart,
    Trouble,
)
from .rows_from_objects import (
    Own,
    message_part,
    odd_step,
    own_odd,
    run_key,
    run_part,
    step_part,
)
from .thread_messages import Speech

NICE = 5  # the writer goes first: a process that extracts waits for it most of the time


def begin() -> None:
    """In a process that only extracts."""
    gc.disable()
    with contextlib.suppress(AttributeError, OSError):  # not every system has it
        os.nice(NICE)


def extracted(block: Block, context: Context) -> Extracted:
    """The rows of a block. A line that cannot be read becomes a Trouble, the rest goes on."""
    with uncollected():
        return rows_of(block, context)


def rows_of(block: Block, context: Context) -> Extracted:
    found = Extracted(size=block.size)
    lines: dict[str, list[Line]] = {"thread": [], "thread.run": [], "thread.run.step": [], "thread.message": []}
    for number, line in enumerate(block.lines, start=block.first):
        if not line or line.isspace():
            continue
        plain = plain_line(line, read_at=block.read_at, context=context)
        plain = plain or plain_message_line(line, read_at=block.read_at, context=context)
        plain = plain or plain_run_line(line, read_at=block.read_at, context=context)
        if plain:
            lines[plain.kind].append(plain)
            continue
        try:
            read = read_line(line, read_at=block.read_at, context=context)
        except Refused as refusal:
            found.troubles.append(Trouble(block.name, number, str(refusal)))
        else:
            lines[read.kind].append(read)
    for line in lines["thread"]:
        found.threads.append(ThreadPart(line.id, line.fetched_at, line.value, line.kept))
    speech = take_messages(found, newest(lines["thread.message"]), context)
    steps = by_owner(newest(lines["thread.run.step"]))
    take_runs(found, lines["thread.run"], steps, speech, context)
    found.loose = [loose_step(line, context) for own in steps.values() for line in own]
    return found


def newest(lines: Iterable[Line]) -> Iterable[Line]:
    """Of several snapshots of one object the newest; of two of one age the later one."""
    found: dict[str, Line] = {}
    for line in lines:
        there = found.get(line.id)
        if there is None or there.fetched_at <= line.fetched_at:
            found[line.id] = line
    return found.values()


def by_owner(lines: Iterable[Line]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(line.owner, []).append(line)
    return found


def take_runs(
    found: Extracted,
    lines: Iterable[Line],
    steps: dict[str, list[Line]],
    speech: dict[str, Speech],
    context: Context,
) -> None:
    """Runs with their steps, which leave `steps`. The first snapshot of a run makes the row, others come after it."""
    for line in sorted(lines, key=lambda line: line.fetched_at):
        if line.id in found.runs:
            found.again.append(Again(line.body, line.owner, line.fetched_at))
            continue
        part_of_run = plain_part if isinstance(line.value, Usual) else odd_part
        found.runs[line.id] = part_of_run(line, steps, speech, context)


def plain_part(line: Line, steps: dict[str, list[Line]], speech: dict[str, Speech], context: Context) -> RunPart:
    run, created_at = line.value, parsing.moment(line.value.created_at)
    key = plain_run_key(run, context)
    own = own_steps(steps.pop(run.id, []), created_at, key, context)
    return plain_run_part(key, line, created_at, own, speech.get(run.thread_id, Speech()), context)


def odd_part(line: Line, steps: dict[str, list[Line]], speech: dict[str, Speech], context: Context) -> RunPart:
    run = Run.from_raw(line.value)
    key, created_at = run_key(run, line, context), run.created_at or line.fetched_at
    own = own_steps(steps.pop(run.id, []), created_at, key, context)
    return run_part(key, run, line, own, speech.get(run.thread_id, Speech()), context)


def own_steps(lines: list[Line], run_created_at: datetime, run_key: int, context: Context) -> list[Own]:
    """In their order."""
    if all(isinstance(line.value, Step) for line in lines):
        there = placed(lines, run_created_at)
        return [own_plain(line, context, of=run_key, position=position) for line, position in there]
    read = [plain_step(line) if isinstance(line.value, Step) else odd_step(line) for line in lines]
    return [
        own_plain(step.line, context, of=run_key, position=position)
        if isinstance(step, Plain)
        else own_odd(step, context, of=run_key, position=position, fallback=run_created_at)
        for step, position in positioned_steps(read, run_created_at=run_created_at)
    ]


def loose_step(line: Line, context: Context) -> StepPart:
    """A step whose run is not in the block."""
    raw = decode_json(line.body) if isinstance(line.value, Step) else line.value
    return step_part(RunStep.from_raw(raw), line, context)


def take_messages(found: Extracted, lines: Iterable[Line], context: Context) -> dict[str, Speech]:
    """Messages of the block; what is said in each thread, for the words of its runs."""
    speech: dict[str, Speech] = {}
    for thread_id, own in by_owner(lines).items():
        messages = [placed_message(line) for line in own]
        speech[thread_id] = Speech()
        for one, created_at, position in positioned_messages(messages, fallback=own[0].fetched_at):
            part, texts = part_of(one, created_at, position, context)
            found.messages.append(part)
            speech[thread_id].add(one.run_id, one.role, position, texts)
    return speech


def part_of(one: Placed, created_at: datetime, position: int, context: Context) -> tuple[MessagePart, list[Text]]:
    if one.message is None:
        return plain_message_part(one.line, created_at, position, context)
    return message_part(one.message, one.line, created_at, position, context)
