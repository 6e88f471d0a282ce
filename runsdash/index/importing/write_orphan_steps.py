"""Writes steps whose run is in the index already, or was in another block of the file."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db.models import Exists, Model, OuterRef

from runsdash.index import run_states
from runsdash.index.models import Connection, Run, RunStep, RunTool, StepBody
from runsdash.index.snapshots import rows
from runsdash.index.snapshots.ended_runs import ENDED_STEPS
from runsdash.index.snapshots.known_rows import chunks, free_keys
from runsdash.index.snapshots.upsert_steps import recount_steps, write_missed_calls
from runsdash.index.storage.bodies import unpacked
from runsdash.index.storage.changes import steps_changed
from runsdash.index.storage.column_types import SqlRow
from runsdash.index.storage.keys import STEP_ORDER_BITS, STEP_RANK_BIT
from runsdash.index.storage.sql_writes import insert_rows, replace_rows
from runsdash.index.storage.storable_text import stored_id
from runsdash.service import objects
from runsdash.service.decoding import decode_json
from runsdash.service.objects import parsing
from runsdash.service.statuses import run_status

from .read_line import Context, ImportLine
from .row_types import STEP_BODY_NAMES, STEP_NAMES, BodyRest, OrphanStep, RunRows
from .rows_from_objects import orphan_step

ORDER_MASK = STEP_RANK_BIT - 1  # the bits of a position that order the steps of one second


class OwningRun(NamedTuple):
    key: int
    created_at: datetime
    status: str


class KnownStep(NamedTuple):
    key: int
    position: int
    fetched_at: datetime


class OrphansWritten(NamedTuple):
    """Says how many steps were written, to which runs, and which steps still have none."""

    written: int
    run_keys: set[int]
    still_orphans: list[OrphanStep]


def write_orphan_steps(
    connection: Connection, context: Context, steps: Sequence[OrphanStep], *, is_careful: bool
) -> OrphansWritten:
    """Writes what the rule of age allows. `is_careful`: every key is looked up before it is taken."""
    if not steps:
        return OrphansWritten(0, set(), [])
    runs = runs_of_steps(connection, {step.run_id for step in steps})
    known = known_steps(connection, [step.upstream_id for step in steps])
    wanted = [step for step in steps if step.run_id in runs and is_news(step, known)]
    positions = positions_of(wanted, runs, known, last_positions({run.key for run in runs.values()}))
    new = [step for step in wanted if step.upstream_id not in known]
    changed = [step for step in wanted if step.upstream_id in known]
    preferred = [step.key for step in new]
    keys = free_keys(RunStep, preferred) if is_careful else preferred
    write_rows(insert_rows, new, keys, runs, positions)
    write_rows(replace_rows, changed, [known[step.upstream_id].key for step in changed], runs, positions)
    run_keys = {runs[step.run_id].key for step in wanted}
    tools = {(runs[step.run_id].key, name) for step in wanted for name in step.calls[0]}
    RunTool.objects.bulk_create([RunTool(run_id=key, name=name) for key, name in tools], ignore_conflicts=True)
    recount_steps(run_keys)
    write_missed_calls(run.key for run in runs.values() if run.status == run_states.EXPIRED)
    steps_changed(run_keys)
    if context.is_archive:
        ended = [run.key for run in runs.values() if run_status(run.status).is_terminal]
        still_open = Exists(RunStep.objects.filter(run_id=OuterRef("pk")).exclude(status__in=ENDED_STEPS))
        Run.objects.filter(still_open, pk__in=ended, has_all_steps=True).update(has_all_steps=False)
        Run.objects.filter(~still_open, pk__in=ended, has_all_steps=False).update(has_all_steps=True)
    return OrphansWritten(len(wanted), run_keys, [step for step in steps if step.run_id not in runs])


def is_news(step: OrphanStep, known: Mapping[str, KnownStep]) -> bool:
    return step.upstream_id not in known or known[step.upstream_id].fetched_at <= step.fetched_at


def steps_of(run: RunRows, context: Context) -> Iterator[OrphanStep]:
    """Turns the steps of a run into such that are away from it."""
    for _, *rest in run.step_bodies:
        body = BodyRest._make(rest)
        raw, fetched_at = unpacked(body.raw), parsing.moment(body.fetched_at)
        value = parsing.mapping(decode_json(raw)) | {"run_id": run.upstream_id}
        line = ImportLine(
            "thread.run.step", stored_id(value["id"]), run.upstream_id, value, raw, fetched_at or context.now, {}, []
        )
        yield orphan_step(objects.RunStep.from_raw(value), line, context)


def write_rows(
    write: Callable[[type[Model], Sequence[str], Sequence[SqlRow]], None],
    steps: Sequence[OrphanStep],
    keys: Sequence[int],
    runs: Mapping[str, OwningRun],
    positions: Mapping[str, int],
) -> None:
    pairs = list(zip(keys, steps, strict=True))
    own = [(key, runs[step.run_id].key, positions[step.upstream_id], *step.rest) for key, step in pairs]
    write(RunStep, STEP_NAMES, own)
    write(StepBody, STEP_BODY_NAMES, [(key, *step.body) for key, step in pairs])


def runs_of_steps(connection: Connection, run_ids: set[str]) -> dict[str, OwningRun]:
    runs = Run.objects.filter(connection=connection).values_list("upstream_id", "pk", "created_at", "status")
    found = (row for some in chunks(sorted(run_ids)) for row in runs.filter(upstream_id__in=some))
    return {upstream_id: OwningRun._make(run) for upstream_id, *run in found}


def known_steps(connection: Connection, ids: Sequence[str]) -> dict[str, KnownStep]:
    steps = RunStep.objects.filter(connection=connection).values_list("upstream_id", "pk", "position", "fetched_at")
    found = (row for some in chunks(ids) for row in steps.filter(upstream_id__in=some))
    return {upstream_id: KnownStep._make(known) for upstream_id, *known in found}


def last_positions(run_keys: set[int]) -> dict[tuple[int, int], int]:
    """Finds the highest position by (run, second and rank) among the steps in the index."""
    found: dict[tuple[int, int], int] = {}
    for some in chunks(sorted(run_keys)):
        for run_key, position in RunStep.objects.filter(run_id__in=some).values_list("run_id", "position"):
            group = run_key, position & ~ORDER_MASK
            found[group] = max(found.get(group, position), position)
    return found


def positions_of(
    steps: Iterable[OrphanStep],
    runs: Mapping[str, OwningRun],
    known: Mapping[str, KnownStep],
    last: dict[tuple[int, int], int],
) -> dict[str, int]:
    """Keeps a known step at its place. A new one comes after those of its second and rank, and becomes the `last`."""
    found = {}
    for step in steps:
        run, row = runs[step.run_id], known.get(step.upstream_id)
        second = rows.seconds_between(run.created_at, step.created_at) or 0
        base = second << STEP_ORDER_BITS | (STEP_RANK_BIT if step.is_message else 0)
        if row and row.position & ~ORDER_MASK == base:
            found[step.upstream_id] = row.position
            continue
        before = last.get((run.key, base))
        found[step.upstream_id] = base if before is None else min(before + 1, base | ORDER_MASK)
        last[run.key, base] = found[step.upstream_id]
    return found
