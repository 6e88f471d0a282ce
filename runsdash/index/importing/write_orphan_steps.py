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
from .read_line import Context, Line
from .row_types import STEP_BODY_NAMES, STEP_NAMES, RunPart, StepPart
from .rows_from_objects import step_part

CHUNK = 500  # ids in one IN (…)
ORDER_MASK = rows.STEP_RANK_BIT - 1  # the bits of a position that tell steps of one second apart


class Home(NamedTuple):
    """A run that steps belong to."""

    key: int
    created_at: datetime
    status: str


class There(NamedTuple):
    key: int
    position: int
    fetched_at: datetime


@dataclass
class Stepped:
    """How many steps were written, and the runs they belong to."""

    count: int = 0
    run_keys: set[int] = field(default_factory=set)


def write_loose_steps(
    connection: Connection, context: Context, parts: Sequence[StepPart], keys: Keys, homeless: list[StepPart]
) -> Stepped:
    """Writes what the rule of age allows; steps whose run is not known go into `homeless`."""
    if not parts:
        return Stepped()
    homes = homes_of(connection, {part.run_id for part in parts})
    homeless += [part for part in parts if part.run_id not in homes]
    there = steps_there({home.key for home in homes.values()})
    known = known_steps(connection, [part.upstream_id for part in parts])
    wanted = [part for part in parts if part.run_id in homes]
    wanted = [p for p in wanted if p.upstream_id not in known or known[p.upstream_id].fetched_at <= p.fetched_at]
    places = positions(wanted, homes, known, there)
    new = [part for part in wanted if part.upstream_id not in known]
    chosen = dict(zip((p.upstream_id for p in new), keys.free(RunStep, [p.key for p in new]), strict=True))
    write(insert_rows, new, homes, places, chosen)
    old = [part for part in wanted if part.upstream_id in known]
    write(replace_rows, old, homes, places, {part.upstream_id: known[part.upstream_id].key for part in old})
    touched = {homes[part.run_id].key for part in wanted}
    tools = {(homes[part.run_id].key, name) for part in wanted for name in part.calls[0]}
    RunTool.objects.bulk_create([RunTool(run_id=key, name=name) for key, name in tools], ignore_conflicts=True)
    recount_steps(touched)
    if context.is_archive:
        ended = [home.key for home in homes.values() if run_status(home.status).is_terminal]
        Run.objects.filter(pk__in=ended, has_all_steps=False).update(has_all_steps=True)
    return Stepped(len(wanted), touched)


def steps_of(part: RunPart, context: Context) -> Iterator[StepPart]:
    """The steps of a run as such that are away from it."""
    for body in part.step_bodies:
        raw, fetched_at = unpacked(body[-1]), parsing.moment(body[STEP_BODY_NAMES.index("fetched_at")])
        value = decode_json(raw) | {"run_id": part.upstream_id}
        line = Line(
            "thread.run.step", stored_id(value["id"]), part.upstream_id, value, raw, fetched_at or context.now, {}, []
        )
        yield step_part(objects.RunStep.from_raw(value), line, context)


def write(statement: object, parts: Iterable[StepPart], homes: dict, places: dict, chosen: dict[str, int]) -> None:
    parts = list(parts)
    own = [(chosen[part.upstream_id], homes[part.run_id].key, part) for part in parts]
    statement(RunStep, STEP_NAMES, [(key, run_key, places[part.upstream_id], *part.rest) for key, run_key, part in own])
    statement(StepBody, STEP_BODY_NAMES, [(key, *part.body) for key, _, part in own])


def homes_of(connection: Connection, run_ids: set[str]) -> dict[str, Home]:
    ids, found = sorted(run_ids), {}
    for start in range(0, len(ids), CHUNK):
        runs = Run.objects.filter(connection=connection, upstream_id__in=ids[start : start + CHUNK])
        for upstream_id, *home in runs.values_list("upstream_id", "pk", "created_at", "status"):
            found[upstream_id] = Home(*home)
    return found


def known_steps(connection: Connection, ids: Sequence[str]) -> dict[str, There]:
    found = {}
    for start in range(0, len(ids), CHUNK):
        steps = RunStep.objects.filter(connection=connection, upstream_id__in=ids[start : start + CHUNK])
        for upstream_id, *there in steps.values_list("upstream_id", "pk", "position", "fetched_at"):
            found[upstream_id] = There(*there)
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
    parts: Iterable[StepPart], homes: dict[str, Home], known: dict[str, There], last: dict[tuple[int, int], int]
) -> dict[str, int]:
    """A step keeps its place; a new one comes after those of the same second and rank."""
    found = {}
    for part in parts:
        home = homes[part.run_id]
        second = rows.seconds_between(home.created_at, part.created_at) or 0
        base = second << rows.STEP_ORDER_BITS | (rows.STEP_RANK_BIT if part.is_message else 0)
        there = known.get(part.upstream_id)
        if there and there.position & ~ORDER_MASK == base:
            found[part.upstream_id] = there.position
            continue
        before = last.get((home.key, base))
        found[part.upstream_id] = base if before is None else min(before + 1, base | ORDER_MASK)
        last[home.key, base] = found[part.upstream_id]
    return found
