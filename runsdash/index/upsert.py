"""Takes snapshots into the index: in bulk, idempotent, by the rule of age.

- A snapshot's age is the moment its request was sent; an older one never overwrites a newer one.
- Leaving a terminal status is refused; a terminal status may be replaced by another terminal one.
- `expires_at`, `started_at` and pending calls keep their last known value when a later snapshot nulls them.
Every function opens one short transaction; none calls an upstream.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import models, transaction
from django.utils import timezone

from runsdash.service import objects
from runsdash.service.statuses import run_status

from . import pricing, rollups, rows
from .keys import free_key, key_for
from .models import (
    Assistant,
    Connection,
    Message,
    MessageBody,
    Run,
    RunBody,
    RunMetadata,
    RunStep,
    StatusSeen,
    StepBody,
    Thread,
)
from .previews import run_preview, step_preview
from .statements import Row, upsert_rows
from .texts import cut, storable, storable_json

CHUNK = 500  # rows a transaction, and ids in one IN (…)
# Columns that keep their last known value when a later snapshot nulls them.
LAST_KNOWN = (
    "expires_at",
    "started_at",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "pending_calls",
)


def known_rows(model: type[models.Model], *, connection: Connection, ids: Sequence[str]) -> dict[str, models.Model]:
    """Rows already there by upstream id, locked until the transaction ends."""
    found: dict[str, models.Model] = {}
    for start in range(0, len(ids), CHUNK):
        some = model.objects.filter(connection=connection, upstream_id__in=ids[start : start + CHUNK])
        found.update({row.upstream_id: row for row in some.select_for_update()})
    return found


def new_key(model: type[models.Model], *, connection: Connection, upstream_id: str, created_at: datetime) -> int:
    key = key_for(connection_id=connection.pk, upstream_id=upstream_id, created_at=created_at)
    return free_key(key, is_taken=lambda candidate: model.objects.filter(pk=candidate).exists())


# Threads


def ensure_threads(connection: Connection, ids: Sequence[str], *, added_by: str = "") -> dict[str, Thread]:
    """Rows for thread ids, made where missing. Their content is fetched later."""
    ids = list(dict.fromkeys(stored_id(one) for one in ids))
    with transaction.atomic():
        known = known_rows(Thread, connection=connection, ids=ids)
        now = timezone.now()
        for one in ids:
            if one not in known:
                key = new_key(Thread, connection=connection, upstream_id=one, created_at=now)
                known[one] = Thread.objects.create(
                    id=key, connection=connection, upstream_id=one, added_by=added_by, due_at=now
                )
    return known


def upsert_threads(
    connection: Connection, threads: Sequence[objects.Thread], *, fetched_at: datetime, added_by: str = ""
) -> dict[str, Thread]:
    """Threads as fetched; returns the rows by upstream id."""
    threads = [thread for thread in threads if thread.id]
    with transaction.atomic():
        known = ensure_threads(connection, [thread.id for thread in threads], added_by=added_by)
        for thread in threads:
            row = known[stored_id(thread.id)]
            if row.fetched_at and row.fetched_at > fetched_at:
                continue
            row.created_at = thread.created_at or row.created_at
            row.metadata = storable_json(thread.metadata or {})
            row.tool_resources = storable_json(thread.tool_resources)
            row.raw = storable_json(thread.raw)
            row.fetched_at, row.checked_at, row.trouble, row.is_gone = fetched_at, fetched_at, None, False
            row.save(
                update_fields=[
                    "created_at",
                    "metadata",
                    "tool_resources",
                    "raw",
                    "fetched_at",
                    "checked_at",
                    "trouble",
                    "is_gone",
                ]
            )
    return known


# Runs


def upsert_runs(
    connection: Connection, runs: Sequence[objects.Run], *, fetched_at: datetime, thread_id: str | None = None
) -> dict[str, Run]:
    """Runs as fetched; returns the rows by upstream id, as they stand afterwards.

    `thread_id` serves runs that do not name their thread.
    """
    runs = list({run.id: run for run in runs if run.id}.values())
    result: dict[str, Run] = {}
    for start in range(0, len(runs), CHUNK):
        some = runs[start : start + CHUNK]
        result.update(_upsert_some_runs(connection, some, fetched_at=fetched_at, thread_id=thread_id or ""))
    return result


def upsert_run(connection: Connection, run: objects.Run, *, fetched_at: datetime, thread_id: str | None = None) -> Run:
    return upsert_runs(connection, [run], fetched_at=fetched_at, thread_id=thread_id)[stored_id(run.id)]


def stored_id(upstream_id: str) -> str:
    """An upstream id as the index keeps it."""
    return storable(upstream_id)[:200]


def _upsert_some_runs(
    connection: Connection, runs: Sequence[objects.Run], *, fetched_at: datetime, thread_id: str
) -> dict[str, Run]:
    with transaction.atomic():
        threads = ensure_threads(connection, [run.thread_id or thread_id for run in runs])
        known = known_rows(Run, connection=connection, ids=[stored_id(run.id) for run in runs])
        changed: list[tuple[Run, objects.Run]] = []
        seen: list[StatusSeen] = []
        summed_anew: list[int] = []
        for run in runs:
            upstream_id = stored_id(run.id)
            row = known.get(upstream_id)
            if row is not None and not accepts(row, run, fetched_at=fetched_at):
                continue
            thread = threads[stored_id(run.thread_id or thread_id)]
            before = rollups.summed(row) if row is not None else None
            known[upstream_id] = row = merged_run(connection, thread, row, run, fetched_at=fetched_at)
            if rollups.summed(row) != before:
                summed_anew.append(row.pk)
            if row.status_since is None:
                row.status_since = fetched_at
                seen.append(StatusSeen(run_id=row.pk, status=row.status, seen_at=fetched_at))
            changed.append((row, run))
        write_runs(changed, fetched_at=fetched_at)
        StatusSeen.objects.bulk_create(seen)
        touch_threads({row.thread_id for row, _ in changed})
        rollups.mark_dirty(connection.pk, summed_anew)
    return known


def accepts(row: Run, run: objects.Run, *, fetched_at: datetime) -> bool:
    """The rule of age, and that a terminal status is never left."""
    if row.fetched_at and row.fetched_at > fetched_at:
        return False
    return not (row.facts.is_terminal and not run_status(run.status).is_terminal)


def merged_run(
    connection: Connection, thread: Thread, row: Run | None, run: objects.Run, *, fetched_at: datetime
) -> Run:
    """`row` (or a new one) with the snapshot's columns; last known values stay where the snapshot has none."""
    columns = rows.run_columns(run)
    if row is None:
        created_at = run.created_at or fetched_at
        key = new_key(Run, connection=connection, upstream_id=stored_id(run.id), created_at=created_at)
        row = Run(id=key, connection=connection, upstream_id=stored_id(run.id), thread=thread, created_at=created_at)
    for name in LAST_KNOWN:
        if columns[name] in (None, []):
            columns[name] = getattr(row, name)
    if row.status != columns["status"]:
        row.status_since = None
    for name, value in columns.items():
        setattr(row, name, value)
    row.thread = thread
    row.queue_s = rows.seconds_between(row.created_at, row.started_at)
    row.duration_s = rows.seconds_between(row.started_at or row.created_at, row.ended_at)
    row.fetched_at, row.checked_at, row.trouble = fetched_at, fetched_at, None
    row.cost = pricing.cost_of(
        model=row.model,
        kind=connection.kind,
        created_at=row.created_at,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
    )
    return row


def write_runs(changed: Sequence[tuple[Run, objects.Run]], *, fetched_at: datetime) -> None:
    names = [field.attname for field in Run._meta.concrete_fields]
    lease = ("lease_until", "lease_token", "step_count", "steps_cursor", "has_all_steps", "steps_checked_at")
    upsert_rows(Run, [{name: getattr(row, name) for name in names} for row, _ in changed], keep=lease)
    bodies = [
        {"run_id": row.pk, **rows.body_row(run.raw, fetched_at=fetched_at, preview=run_preview(run))}
        for row, run in changed
    ]
    upsert_rows(RunBody, bodies)
    write_metadata([row for row, _ in changed])


def write_metadata(runs: Sequence[Run]) -> None:
    """Replaces the pairs of runs whose metadata differs from the pairs there are."""
    ids = [run.pk for run in runs]
    there: dict[int, dict[str, str]] = {}
    for pair in RunMetadata.objects.filter(run_id__in=ids):
        there.setdefault(pair.run_id, {})[pair.key] = pair.value
    wanted = {run.pk: rows.metadata_pairs(run.pk, run.metadata) for run in runs}
    stale = [pk for pk, pairs in wanted.items() if {pair["key"]: pair["value"] for pair in pairs} != there.get(pk, {})]
    RunMetadata.objects.filter(run_id__in=[pk for pk in stale if pk in there]).delete()
    RunMetadata.objects.bulk_create([RunMetadata(**pair) for pk in stale for pair in wanted[pk]], ignore_conflicts=True)


def touch_threads(thread_ids: set[int]) -> None:
    """Recounts what the thread list shows of its runs."""
    sums = (
        Run.objects.filter(thread_id__in=thread_ids)
        .values("thread_id")
        .annotate(
            count=models.Count("id"),
            last=models.Max("created_at"),
            tokens=models.Sum("total_tokens"),
            cost=models.Sum("cost"),
        )
    )
    for one in sums:
        Thread.objects.filter(pk=one["thread_id"]).update(
            run_count=one["count"], last_run_at=one["last"], total_tokens=one["tokens"], cost=one["cost"]
        )


# Steps


def upsert_steps(
    run: Run, steps: Sequence[objects.RunStep], *, fetched_at: datetime, after: int | None = None
) -> list[RunStep]:
    """Steps of one run as fetched, in order; `after`: position of the last step before this page."""
    steps = list({step.id: step for step in steps if step.id}.values())
    with transaction.atomic():
        known = known_rows(RunStep, connection=run.connection, ids=[stored_id(step.id) for step in steps])
        changed: list[tuple[RunStep, objects.RunStep]] = []
        ordered: list[RunStep] = []
        for step, position in rows.positioned_steps(steps, run_created_at=run.created_at, after=after):
            row = known.get(stored_id(step.id))
            if row is None or row.fetched_at <= fetched_at:
                row = merged_step(run, row, step, position=position, fetched_at=fetched_at)
                changed.append((row, step))
            ordered.append(row)
        write_steps(changed, fetched_at=fetched_at)
        count = RunStep.objects.filter(run=run).count()
        if count != run.step_count:
            Run.objects.filter(pk=run.pk).update(step_count=count)
            run.step_count = count
    return ordered


def merged_step(
    run: Run, row: RunStep | None, step: objects.RunStep, *, position: int, fetched_at: datetime
) -> RunStep:
    if row is None:
        created_at = step.created_at or run.created_at
        upstream_id = stored_id(step.id)
        key = new_key(RunStep, connection=run.connection, upstream_id=upstream_id, created_at=created_at)
        row = RunStep(id=key, connection_id=run.connection_id, upstream_id=upstream_id, run=run, created_at=created_at)
    for name, value in rows.step_columns(step, position=position).items():
        setattr(row, name, value)
    row.fetched_at = fetched_at
    return row


def write_steps(changed: Sequence[tuple[RunStep, objects.RunStep]], *, fetched_at: datetime) -> None:
    names = [field.attname for field in RunStep._meta.concrete_fields]
    upsert_rows(RunStep, [{name: getattr(row, name) for name in names} for row, _ in changed])
    bodies = [
        {"step_id": row.pk, **rows.body_row(step.raw, fetched_at=fetched_at, preview=step_preview(step))}
        for row, step in changed
    ]
    upsert_rows(StepBody, bodies)


# Messages


def upsert_messages(thread: Thread, messages: Sequence[objects.Message], *, fetched_at: datetime) -> list[Message]:
    """Messages of one thread as fetched, oldest first."""
    messages = list({message.id: message for message in messages if message.id}.values())
    ids = [stored_id(message.id) for message in messages]
    with transaction.atomic():
        known = known_rows(Message, connection=thread.connection, ids=ids)
        changed: list[tuple[Message, objects.Message]] = []
        ordered: list[Message] = []
        for message, created_at, position in rows.positioned_messages(messages, fallback=fetched_at):
            upstream_id = stored_id(message.id)
            row = known.get(upstream_id)
            if row is None:
                key = new_key(Message, connection=thread.connection, upstream_id=upstream_id, created_at=created_at)
                row = Message(
                    id=key,
                    connection_id=thread.connection_id,
                    upstream_id=upstream_id,
                    thread=thread,
                    created_at=created_at,
                    fetched_at=fetched_at,
                )
            elif row.fetched_at > fetched_at:
                ordered.append(row)
                continue
            for name, value in rows.message_columns(message, position=position).items():
                setattr(row, name, value)
            row.fetched_at = fetched_at
            changed.append((row, message))
            ordered.append(row)
        names = [field.attname for field in Message._meta.concrete_fields]
        upsert_rows(Message, [{name: getattr(row, name) for name in names} for row, _ in changed])
        upsert_rows(MessageBody, [message_body(row, one, fetched_at=fetched_at) for row, one in changed])
    return ordered


def message_body(row: Message, message: objects.Message, *, fetched_at: datetime) -> Row:
    return {"message_id": row.pk, **rows.body_row(message.raw, fetched_at=fetched_at, preview={})}


# Assistants


def upsert_assistants(connection: Connection, assistants: Sequence[objects.Assistant], *, fetched_at: datetime) -> None:
    found = [
        Assistant(
            connection=connection,
            upstream_id=cut(assistant.id, 200),
            name=cut(assistant.name or "", 256),
            model=cut(assistant.model or "", 200),
            instructions=cut(assistant.instructions or "", 65536),
            tools=storable_json(assistant.tools or []),
            created_at=assistant.created_at,
            fetched_at=fetched_at,
        )
        for assistant in assistants
        if assistant.id
    ]
    Assistant.objects.bulk_create(
        found,
        update_conflicts=True,
        unique_fields=["connection", "upstream_id"],
        update_fields=["name", "model", "instructions", "tools", "created_at", "fetched_at"],
    )
