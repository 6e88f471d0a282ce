"""Steps whose run is in the index already, or was in another block of the file."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from runsdash.index.models import Connection, Run, RunStep, RunTool, StepBody
from runsdash.index.snapshots import rows
from runsdash.index.snapshots.upsert_steps import recount_steps
from runsdash.index.storage.bodies import unpacked
from runsdash.index.storage.sql_writes import insert_rows, replace_rows
from runsdash.index.storage.storable_text import stored_id
from runsdash.service import objects
from runsdash.service.decoding import decode_json
from runsdash.service.objects import parsing
from runsdash.service.statuses import run_status

from .free_keys import Keys
from .read_line import Context, ImportLine
from .row_types import STEP_BODY_NAMES, STEP_NAMES, OrphanStep, RunRows
from .rows_from_objects import orphan_step

CHUNK = 500  # ids in one IN (…)
ORDER_MASK = rows.STEP_RANK_BIT - 1  # the bits of a position that tell steps of one second apart


class OwningRun(NamedTuple):
    """A run that steps belong to."""

    key: int
    created_at: datetime
    status: str


class KnownStep(NamedTuple):
    key: int
    position: int
    fetched_at: datetime


@dataclass
class OrphanResult:
    """How many steps were written, and the runs they belong to."""

    count: int = 0
    run_keys: set[int] = field(default_factory=set)


def write_orphan_steps(
    connection: Connection, context: Context, parts: Sequence[OrphanStep], keys: Keys, orphan_steps: list[OrphanStep]
) -> OrphanResult:
    """Writes what the rule of age allows; steps whose run is not known go into `orphan_steps`."""
    if not parts:
        return OrphanResult()
    runs = runs_of_steps(connection, {part.run_id for part in parts})
    orphan_steps += [part for part in parts if part.run_id not in runs]
    there = steps_there({run.key for run in runs.values()})
    known = known_steps(connection, [part.upstream_id for part in parts])
    wanted = [part for part in parts if part.run_id in runs]
    wanted = [p for p in wanted if p.upstream_id not in known or known[p.upstream_id].fetched_at <= p.fetched_at]
    places = positions(wanted, runs, known, there)
    new = [part for part in wanted if part.upstream_id not in known]
    chosen = dict(zip((p.upstream_id for p in new), keys.free(RunStep, [p.key for p in new]), strict=True))
    write(insert_rows, new, runs, places, chosen)
    old = [part for part in wanted if part.upstream_id in known]
    write(replace_rows, old, runs, places, {part.upstream_id: known[part.upstream_id].key for part in old})
    touched = {runs[part.run_id].key for part in wanted}
    tools = {(runs[part.run_id].key, name) for part in wanted for name in part.calls[0]}
    RunTool.objects.bulk_create([RunTool(run_id=key, name=name) for key, name in tools], ignore_conflicts=True)
    recount_steps(touched)
    if context.is_archive:
        ended = [run.key for run in runs.values() if run_status(run.status).is_terminal]
        Run.objects.filter(pk__in=ended, has_all_steps=False).update(has_all_steps=True)
    return OrphanResult(len(wanted), touched)


def steps_of(part: RunRows, context: Context) -> Iterator[OrphanStep]:
    """The steps of a run as such that are away from it."""
    for body in part.step_bodies:
        raw, fetched_at = unpacked(body[-1]), parsing.moment(body[STEP_BODY_NAMES.index("fetched_at")])
        value = decode_json(raw) | {"run_id": part.upstream_id}
        line = ImportLine(
            "thread.run.step", stored_id(value["id"]), part.upstream_id, value, raw, fetched_at or context.now, {}, []
        )
        yield orphan_step(objects.RunStep.from_raw(value), line, context)


def write(statement: object, parts: Iterable[OrphanStep], runs: dict, places: dict, chosen: dict[str, int]) -> None:
    parts = list(parts)
    own = [(chosen[part.upstream_id], runs[part.run_id].key, part) for part in parts]
    statement(RunStep, STEP_NAMES, [(key, run_key, places[part.upstream_id], *part.rest) for key, run_key, part in own])
    statement(StepBody, STEP_BODY_NAMES, [(key, *part.body) for key, _, part in own])


def runs_of_steps(connection: Connection, run_ids: set[str]) -> dict[str, OwningRun]:
    ids, found = sorted(run_ids), {}
    for start in range(0, len(ids), CHUNK):
        runs = Run.objects.filter(connection=connection, upstream_id__in=ids[start : start + CHUNK])
        for upstream_id, *run in runs.values_list("upstream_id", "pk", "created_at", "status"):
            found[upstream_id] = OwningRun(*run)
    return found


def known_steps(connection: Connection, ids: Sequence[str]) -> dict[str, KnownStep]:
    found = {}
    for start in range(0, len(ids), CHUNK):
        steps = RunStep.objects.filter(connection=connection, upstream_id__in=ids[start : start + CHUNK])
        for upstream_id, *there in steps.values_list("upstream_id", "pk", "position", "fetched_at"):
            found[upstream_id] = KnownStep(*there)
    return found


def steps_there(run_keys: set[int]) -> dict[tuple[int, int], int]:
    """The highest position by (run, second and rank) of the steps there are."""
    keys, found = sorted(run_keys), {}
    for start in range(0, len(keys), CHUNK):
        steps = RunStep.objects.filter(run_id__in=keys[start : start + CHUNK])
        for run_key, position in steps.values_list("run_id", "position"):
            group = run_key, position & ~ORDER_MASK
            found[group] = max(found.get(group, position), position)
    return found


def positions(
    parts: Iterable[OrphanStep],
    runs: dict[str, OwningRun],
    known: dict[str, KnownStep],
    last: dict[tuple[int, int], int],
) -> dict[str, int]:
    """A step keeps its place; a new one comes after those of the same second and rank."""
    found = {}
    for part in parts:
        run = runs[part.run_id]
        second = rows.seconds_between(run.created_at, part.created_at) or 0
        base = second << rows.STEP_ORDER_BITS | (rows.STEP_RANK_BIT if part.is_message else 0)
        there = known.get(part.upstream_id)
        if there and there.position & ~ORDER_MASK == base:
            found[part.upstream_id] = there.position
            continue
        before = last.get((run.key, base))
        found[part.upstream_id] = base if before is None else min(before + 1, base | ORDER_MASK)
        last[run.key, base] = found[part.upstream_id]
    return found
