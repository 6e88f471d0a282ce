"""Writes steps of one run as fetched, in their order, and the counts of them that the run keeps."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from itertools import groupby
from operator import itemgetter

from django.db import models, transaction

from runsdash.index import run_states
from runsdash.index.fulltext import writer
from runsdash.index.missed_calls import missed_calls
from runsdash.index.models import Connection, Run, RunStep, StepBody
from runsdash.index.storage.changes import steps_changed
from runsdash.index.storage.locks import hold_run
from runsdash.index.storage.previews import step_preview
from runsdash.index.storage.sql_writes import update_rows, upsert_rows
from runsdash.index.storage.storable_text import dumped, stored_id
from runsdash.service import objects

from . import rows
from .known_rows import chunks, digests_of, keys_for_new, known_rows
from .upsert_runs import COUNTS, write_tools
from .write_children import write_children, write_missing_children


def upsert_steps(
    run: Run,
    steps: Sequence[objects.RunStep],
    *,
    fetched_at: datetime,
    after: int | None = None,
    is_reversed: bool = False,
) -> list[RunStep]:
    """Writes steps in their order, and returns their rows. `after`: position of the last step before this page.

    `is_reversed`: the server listed them newest first.

    No rows, when the run was purged while they were on their way.
    """
    steps = list({step.id: step for step in steps if step.id}.values())
    connection = run.connection
    with transaction.atomic():
        if not hold_run(run):
            return []
        known = known_rows(RunStep, connection=connection, ids=[stored_id(step.id) for step in steps])
        keys = keys_for_new(
            RunStep, connection, known, [(step.id, step.created_at or run.created_at) for step in steps]
        )
        digests = digests_of(StepBody, known.values())
        changed: dict[int, tuple[RunStep, objects.RunStep]] = {}
        ordered: list[RunStep] = []
        same: dict[int, tuple[RunStep, objects.RunStep]] = {}
        has_news = False
        places = {upstream_id: row.position for upstream_id, row in known.items()}
        positioned = rows.positioned_steps(
            steps, run_created_at=run.created_at, after=after, known=places, is_reversed=is_reversed
        )
        for step, position in positioned:
            upstream_id = stored_id(step.id)
            row = known.get(upstream_id)
            if row is None:
                created_at = step.created_at or run.created_at
                known[upstream_id] = row = RunStep(
                    id=keys[upstream_id], connection=connection, upstream_id=upstream_id, run=run, created_at=created_at
                )
            if row.fetched_at is None or row.fetched_at <= fetched_at:
                if row.position == position and digests.get(row.pk) == rows.digest_of(dumped(step.raw)):
                    same[row.pk] = row, step
                    ordered.append(row)
                    continue
                has_news = has_news or row.fetched_at is None or not row.facts.is_terminal
                take_step(row, step, position=position, fetched_at=fetched_at)
                changed[row.pk] = row, step
            ordered.append(row)
        keep_steps(connection, same, fetched_at=fetched_at)
        if not changed:
            return ordered
        write_steps(list(changed.values()), connection=connection, fetched_at=fetched_at)
        write_facts_of_run(run, [step for _, step in changed.values()])
        if has_news:
            writer.index_runs([run.pk])
        steps_changed([run.pk])
    return ordered


def keep_steps(
    connection: Connection, same: dict[int, tuple[RunStep, objects.RunStep]], *, fetched_at: datetime
) -> None:
    """Moves the age of steps that have not changed, and adds what an older version left out."""
    RunStep.objects.filter(pk__in=list(same)).update(fetched_at=fetched_at)
    write_missing_children(connection, same.values())


def take_step(row: RunStep, step: objects.RunStep, *, position: int, fetched_at: datetime) -> None:
    for name, value in rows.step_columns(step, position=position).items():
        setattr(row, name, value)
    row.fetched_at = fetched_at


def write_facts_of_run(run: Run, changed: Sequence[objects.RunStep]) -> None:
    """Keeps what its steps tell of a run: tools, counts, and what an expired one waited for."""
    write_tools({run.pk: rows.tool_names(call for step in changed for call in step.tool_calls)})
    for name, count in recount_steps([run.pk]).get(run.pk, {}).items():
        setattr(run, name, count)
    if run.status == run_states.EXPIRED and not run.pending_calls:
        write_missed_calls([run.pk])


def recount_steps(run_keys: Iterable[int]) -> dict[int, dict[str, int]]:
    """Counts the steps and tool calls of runs anew; returns the counts that changed, by run."""
    found: dict[int, tuple[int, int]] = {}
    for some in chunks(list(run_keys)):
        there = Run.objects.filter(pk__in=some).values_list("pk", "step_count", "tool_call_count")
        steps = RunStep.objects.filter(run_id__in=some).order_by().values("run_id")
        counted = steps.values_list("run_id", models.Count("id"), models.Sum("call_count"))
        counts = {pk: (count, calls) for pk, count, calls in counted}
        found.update({pk: counts.get(pk, (0, 0)) for pk, *before in there if counts.get(pk, (0, 0)) != tuple(before)})
    update_rows(Run, COUNTS, [(*counts, pk) for pk, counts in found.items()])
    return {pk: dict(zip(COUNTS, counts, strict=True)) for pk, counts in found.items()}


def write_missed_calls(run_keys: Iterable[int]) -> None:
    """Keeps what expired runs waited for, and when they ended, where no server told."""
    runs = Run.objects.filter(pk__in=list(run_keys), status=run_states.EXPIRED, pending_calls=[]).in_bulk()
    steps = RunStep.objects.filter(run__in=runs).order_by("run_id", "position", "id")
    for key, of_run in groupby(steps.values_list("run_id", "status", "calls", "ended_at"), key=itemgetter(0)):
        run = runs[key]
        run.pending_calls, ended_at = missed_calls(one[1:] for one in of_run)
        if run.pending_calls:
            run.ended_at = run.ended_at or ended_at
            run.duration_s = rows.seconds_between(run.started_at or run.created_at, run.ended_at)
            run.save(update_fields=["pending_calls", "ended_at", "duration_s"])


def write_steps(
    changed: Sequence[tuple[RunStep, objects.RunStep]], *, connection: Connection, fetched_at: datetime
) -> None:
    names = [field.attname for field in RunStep._meta.concrete_fields]
    upsert_rows(RunStep, [{name: getattr(row, name) for name in names} for row, _ in changed])
    bodies = [
        {"step_id": row.pk, **rows.body_row(step.raw, fetched_at=fetched_at, preview=partial(step_preview, step))}
        for row, step in changed
    ]
    upsert_rows(StepBody, bodies)
    write_children(connection, changed)
