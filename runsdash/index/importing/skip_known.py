"""Takes out of a block what the index has already, so that importing a file again costs little.

An object is known when the index has a newer snapshot of it, or the same one: same age, same digest. The same digest
with a newer age only moves the age. Lines that are no objects of the API leave the block, too.

Reads the index, writes nothing; the writer applies the rules again under its lock.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from django.db.models import Model

from runsdash.index.models import (
    Message,
    MessageBody,
    Run,
    RunBody,
    StepBody,
    Thread,
)
from runsdash.index.models import RunStep as StepRow
from runsdash.service.json_types import Json
from runsdash.service.objects import RunStep

from .blocks import Block, Origin
from .read_line import ONLY_ID, BadLine, Context, ImportLine, read_line
from .row_types import StartedRun
from .rows_from_objects import digest_of, started_runs
from .write_extras import taken_out

IDS_A_LOOK = 5000  # both engines take more; a block has fewer of a kind
SAMPLE = 16  # lines of a block that are looked up before all of them are
STEP = "thread.run.step"
BODIES = {
    "thread.run": (RunBody, "run", Run),
    STEP: (StepBody, "step", StepRow),
    "thread.message": (MessageBody, "message", Message),
}


class KnownObject(NamedTuple):
    """Holds what the index has: its key, digest (threads: none) and age (null: only the id is known)."""

    key: int
    digest: str
    fetched_at: datetime | None


@dataclass
class RemainingBlock:
    """Holds a block without what is known, and how many lines that was.

    `touched`: (model, key, age) of rows that only became newer; `extras`: lines that are no objects of the API, with
    their files and numbers; `started`: what calls of known steps started, which an older version has not kept.
    """

    block: Block
    unchanged: int = 0
    touched: list[tuple[type[Model], int, datetime]] = field(default_factory=list)
    extras: list[tuple[Origin, int, bytes]] = field(default_factory=list)
    started: list[StartedRun] = field(default_factory=list)


def skip_known(block: Block, context: Context) -> RemainingBlock:
    remaining = RemainingBlock(block, extras=taken_out(block))
    if not any_known(block, context):
        return remaining
    lines = list(readable(block, range(len(block.lines)), context))
    known = known_objects([line for _, line in lines], context)
    for place, line in lines:
        found = known.get((line.kind, line.id))
        if found is not None and has_as_much(found, line):
            block.lines[place] = b""
            remaining.unchanged += 1
            if line.kind == STEP and isinstance(line.value, dict) and may_start_runs(line.value):
                remaining.started += started_runs(RunStep.from_raw(line.value), line)
            if not says_only_id(line) and found.fetched_at and found.fetched_at < line.fetched_at:
                remaining.touched.append((BODIES[line.kind][2], found.key, line.fetched_at))
    return remaining


def has_as_much(known: KnownObject, line: ImportLine) -> bool:
    """Does the index have all that the line says, but for its age?"""
    if says_only_id(line):
        return True
    if known.fetched_at is None:
        return False
    if known.fetched_at > line.fetched_at:
        return True
    if line.kind == "thread":
        return known.fetched_at == line.fetched_at
    return known.digest == digest_of(line.body)


def may_start_runs(step: Json) -> bool:
    """Tells whether a call of a step names a run, as those of connected agents do. Asked of every known step."""
    details = step.get("step_details") if isinstance(step, dict) else None
    calls = details.get("tool_calls") if isinstance(details, dict) else None
    for call in calls if isinstance(calls, list) else ():  # plain loops: a generator takes four times as long
        for own in call.values() if isinstance(call, dict) else ():
            if isinstance(own, dict) and "run_id" in own:
                return True
    return False


def says_only_id(line: ImportLine) -> bool:
    return line.kept.get(ONLY_ID) is True


def any_known(block: Block, context: Context) -> bool:
    every = max(1, len(block.lines) // SAMPLE)
    sample = [line for _, line in readable(block, range(0, len(block.lines), every), context)]
    return any(known_objects(own, context) for own in by_kind(sample).values())


def readable(block: Block, places: Iterable[int], context: Context) -> Iterator[tuple[int, ImportLine]]:
    for place in places:
        if not block.lines[place].strip():
            continue
        try:
            yield place, read_line(block.lines[place], read_at=block.read_at_of(place), context=context)
        except BadLine:
            continue  # it stays, and is refused when its rows are made


def known_objects(lines: Iterable[ImportLine], context: Context) -> dict[tuple[str, str], KnownObject]:
    """Looks up what the index has of the lines, by (kind, upstream id)."""
    found: dict[tuple[str, str], KnownObject] = {}
    for kind, own in by_kind(lines).items():
        ids = [line.id for line in own]
        pieces = (ids[start : start + IDS_A_LOOK] for start in range(0, len(ids), IDS_A_LOOK))
        rows = (row for some in pieces for row in rows_of_kind(kind, some, context))
        found |= {(kind, upstream_id): KnownObject._make(known) for upstream_id, *known in rows}
    return found


def by_kind(lines: Iterable[ImportLine]) -> dict[str, list[ImportLine]]:
    found: dict[str, list[ImportLine]] = {}
    for line in lines:
        found.setdefault(line.kind, []).append(line)
    return found


def rows_of_kind(kind: str, ids: Sequence[str], context: Context) -> Iterable[tuple[str, int, str, datetime | None]]:
    if kind == "thread":
        threads = Thread.objects.filter(connection_id=context.connection_id, upstream_id__in=ids)
        return [
            (upstream_id, key, "", at)
            for upstream_id, key, at in threads.values_list("upstream_id", "pk", "fetched_at")
        ]
    body, owner, _ = BODIES[kind]
    of_ids = {f"{owner}__connection_id": context.connection_id, f"{owner}__upstream_id__in": ids}
    rows = body._default_manager.filter(**of_ids)
    return rows.values_list(f"{owner}__upstream_id", "pk", "digest", f"{owner}__fetched_at")
