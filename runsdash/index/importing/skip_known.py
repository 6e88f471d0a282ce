"""Leaves out of a block what is in the index already, so that a second import of a file costs little.

An object is left out when the index has a newer snapshot of it, or the same one: same age, same digest. The same digest
with a newer age only moves the age. LineFile that are no objects of the API leave the block, too.

Reads the index, writes nothing; the writer applies the rules again under its lock.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple

from django.db.models import Model

from runsdash.index.models import (
    Message,
    MessageBody,
    Run,
    RunBody,
    RunStep,
    StepBody,
    Thread,
)

from .blocks import Block
from .read_line import ONLY_ID, BadLine, Context, ImportLine, read_line
from .write_extras import taken_out

SAMPLE = 16  # lines of a block that are looked up before all of them are
CHUNK = 500  # ids in one IN (…)
BODIES = {
    "thread.run": (RunBody, "run", Run),
    "thread.run.step": (StepBody, "step", RunStep),
    "thread.message": (MessageBody, "message", Message),
}


class KnownObject(NamedTuple):
    """What the index has: its key, digest (threads: none) and age (null: only the id is known)."""

    key: int
    digest: str
    fetched_at: datetime | None


@dataclass
class RemainingBlock:
    """A block without what is known.

    `touched`: (model, key, age) of rows that only became newer; `extras`: lines that are no objects of the API, with numbers.
    """

    block: Block
    unchanged: int = 0
    touched: list[tuple[type[Model], int, datetime]] = field(default_factory=list)
    extras: list[tuple[int, bytes]] = field(default_factory=list)


def skip_known(block: Block, context: Context) -> RemainingBlock:
    found = RemainingBlock(block, extras=taken_out(block))
    if not any_known(block, context):
        return found
    read = list(readable(block, range(len(block.lines)), context))
    there = looked_up([line for _, line in read], context)
    for place, line in read:
        one = there.get((line.kind, line.id))
        if one is not None and line.kept.get(ONLY_ID) is True:
            block.lines[place] = b""
            found.unchanged += 1
            continue
        if one is None or one.fetched_at is None or (one.fetched_at < line.fetched_at and not is_same(one, line)):
            continue
        if one.fetched_at == line.fetched_at and line.kind != "thread" and not is_same(one, line):
            continue
        if one.fetched_at < line.fetched_at:
            found.touched.append((BODIES[line.kind][2], one.key, line.fetched_at))
        block.lines[place] = b""
        found.unchanged += 1
    return found


def is_same(one: KnownObject, line: ImportLine) -> bool:
    return bool(one.digest) and one.digest == blake2b(line.body, digest_size=16).hexdigest()


def any_known(block: Block, context: Context) -> bool:
    every = max(1, len(block.lines) // SAMPLE)
    sample = [line for _, line in readable(block, range(0, len(block.lines), every), context)]
    return bool(looked_up(sample, context))


def readable(block: Block, places: Iterable[int], context: Context) -> Iterator[tuple[int, ImportLine]]:
    for place in places:
        if not block.lines[place].strip():
            continue
        try:
            yield place, read_line(block.lines[place], read_at=block.read_at, context=context)
        except BadLine:
            continue  # told once, by whoever extracts it


def looked_up(lines: Iterable[ImportLine], context: Context) -> dict[tuple[str, str], KnownObject]:
    """What the index has of them, by (kind, upstream id)."""
    wanted: dict[str, list[str]] = {}
    for line in lines:
        wanted.setdefault(line.kind, []).append(line.id)
    found = {}
    for kind, ids in wanted.items():
        for start in range(0, len(ids), CHUNK):
            for upstream_id, *rest in rows_there(kind, ids[start : start + CHUNK], context):
                found[kind, upstream_id] = KnownObject(*rest)
    return found


def rows_there(kind: str, ids: list[str], context: Context) -> Iterable[tuple]:
    if kind == "thread":
        rows = Thread.objects.filter(connection_id=context.connection_id, upstream_id__in=ids)
        return [
            (upstream_id, key, "", at) for upstream_id, key, at in rows.values_list("upstream_id", "pk", "fetched_at")
        ]
    body, owner, _ = BODIES[kind]
    rows = body.objects.filter(**{f"{owner}__connection_id": context.connection_id, f"{owner}__upstream_id__in": ids})
    return rows.values_list(f"{owner}__upstream_id", "pk", "digest", f"{owner}__fetched_at")
