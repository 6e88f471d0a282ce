"""A block of lines as rows. Pure: no database and no settings, so that it runs in processes of its own."""

from collections.abc import Iterable
from datetime import datetime

from runsdash.index.rows import positioned_messages, positioned_steps
from runsdash.index.texts import stored_id
from runsdash.service.objects import Message, Run, RunStep

from .garbage import uncollected
from .lines import Block
from .making import Own, message_part, run_key, run_part, step_part, step_rows
from .parts import Again, Extracted, ThreadPart, Trouble
from .reading import Context, Line, Refused, read_line
from .speech import Speech


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
        try:
            read = read_line(line, read_at=block.read_at, context=context)
        except Refused as refusal:
            found.troubles.append(Trouble(block.name, number, str(refusal)))
        else:
            lines[read.kind].append(read)
    for line in lines["thread"]:
        found.threads.append(ThreadPart(stored_id(line.value["id"]), line.fetched_at, line.value, line.kept))
    speech = take_messages(found, newest(lines["thread.message"]), context)
    steps = steps_by_run(newest(lines["thread.run.step"]))
    take_runs(found, lines["thread.run"], steps, speech, context)
    found.loose = [step_part(step, line, context) for own in steps.values() for step, line in own]
    return found


def newest(lines: Iterable[Line]) -> Iterable[Line]:
    """Of several snapshots of one object the newest; of two of one age the later one."""
    found: dict[str, Line] = {}
    for line in lines:
        upstream_id = stored_id(line.value["id"])
        there = found.get(upstream_id)
        if there is None or there.fetched_at <= line.fetched_at:
            found[upstream_id] = line
    return found.values()


def steps_by_run(lines: Iterable[Line]) -> dict[str, list[tuple[RunStep, Line]]]:
    found: dict[str, list[tuple[RunStep, Line]]] = {}
    for line in lines:
        found.setdefault(line.value["run_id"], []).append((RunStep.from_raw(line.value), line))
    return found


def take_runs(
    found: Extracted,
    lines: Iterable[Line],
    steps: dict[str, list[tuple[RunStep, Line]]],
    speech: dict[str, Speech],
    context: Context,
) -> None:
    """Runs with their steps, which leave `steps`. The first snapshot of a run makes the row, others come after it."""
    for line in sorted(lines, key=lambda line: line.fetched_at):
        upstream_id = stored_id(line.value["id"])
        if upstream_id in found.runs:
            found.again.append(Again(line.body, line.value["thread_id"], line.fetched_at))
            continue
        run = Run.from_raw(line.value)
        key, created_at = run_key(run, line, context), run.created_at or line.fetched_at
        own = positioned(steps.pop(run.id, []), created_at, key, context)
        said = speech.get(run.thread_id, Speech())
        found.runs[upstream_id] = run_part(key, run, line, own, said, context)


def positioned(
    steps: list[tuple[RunStep, Line]], run_created_at: datetime, run_key: int, context: Context
) -> list[Own]:
    lines = {step.id: line for step, line in steps}
    ordered = positioned_steps([step for step, _ in steps], run_created_at=run_created_at)
    return [
        Own(step, step_rows(step, lines[step.id], context, of=run_key, position=position, fallback=run_created_at))
        for step, position in ordered
    ]


def take_messages(found: Extracted, lines: Iterable[Line], context: Context) -> dict[str, Speech]:
    """Messages of the block; what is said in each thread, for the words of its runs."""
    by_thread: dict[str, list[Line]] = {}
    for line in lines:
        by_thread.setdefault(line.value["thread_id"], []).append(line)
    speech: dict[str, Speech] = {}
    for thread_id, own in by_thread.items():
        by_id = {line.value["id"]: line for line in own}
        messages = [Message.from_raw(line.value) for line in own]
        speech[thread_id] = Speech()
        for message, created_at, position in positioned_messages(messages, fallback=own[0].fetched_at):
            part, texts = message_part(message, by_id[message.id], created_at, position, context)
            found.messages.append(part)
            speech[thread_id].add(message, position, texts)
    return speech
