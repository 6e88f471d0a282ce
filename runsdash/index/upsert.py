"""Takes snapshots into the index: in bulk, idempotent, by the rule of age.

- A snapshot's age is the moment its request was sent; an older one never overwrites a newer one.
- Leaving a terminal status is refused; a terminal status may be replaced by another terminal one.
- `expires_at`, `started_at` and pending calls keep their last known value when a later snapshot nulls them.
Every function opens one short transaction; none calls an upstream.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial

from django.db import models, transaction
from django.utils import timezone

from runsdash.service import objects
from runsdash.service.statuses import run_status

from . import fulltext, pricing, rows
from .keys import free_key, key_for
from .locks import hold_thread
from .message_order import in_place
from .models import (
    Assistant,
    Connection,
    Message,
    MessageBody,
    Run,
    RunBody,
    RunMetadata,
    RunStep,
    RunTool,
    StatusSeen,
    StepBody,
    Thread,
)
from .previews import run_preview, step_preview
from .statements import Row, converter, insert_missing_rows, update_rows, upsert_rows
from .texts import cut, storable_json, stored_id
from .thread_sums import Before, Sums

THREAD_ATTEMPTS = 3  # other processes may take a key between a look and an insert
THREAD_CONTENT = (
    "created_at", "metadata", "tool_resources", "raw", "fetched_at", "checked_at", "trouble", "is_gone",
)  # fmt: skip
COUNTS = ("step_count", "tool_call_count")
# Columns of a run that others write: leases, what is known of its steps, the archive.
NOT_OF_A_SNAPSHOT = (
    "lease_until", "lease_token", *COUNTS, "steps_cursor", "has_all_steps", "steps_checked_at", "archived_at",
)  # fmt: skip
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


def known_rows(model: type[models.Model], *, connection: Connection, ids: Iterable[str]) -> dict[str, models.Model]:
    """Rows already there by upstream id, locked until the transaction ends, all in one order (see `locks`)."""
    found: dict[str, models.Model] = {}
    for some in chunks(sorted(set(ids))):
        rows_there = model.objects.filter(connection=connection, upstream_id__in=some).order_by("upstream_id")
        found.update({row.upstream_id: row for row in rows_there.select_for_update(no_key=True)})
    return found


def keys_of(model: type[models.Model], *, connection: Connection, ids: Iterable[str]) -> dict[str, int]:
    """Keys of the rows already there, by upstream id."""
    found: dict[str, int] = {}
    for some in chunks(list(ids)):
        rows_there = model.objects.filter(connection=connection, upstream_id__in=some)
        found.update(rows_there.values_list("upstream_id", "pk"))
    return found


def chunks(values: Sequence) -> Iterator[Sequence]:
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))


def free_keys(model: type[models.Model], preferred: Sequence[int]) -> list[int]:
    """A key nobody holds for each preferred one, in their order, all different."""
    taken: set[int] = set()
    for some in chunks(preferred):
        taken.update(model.objects.filter(pk__in=some).values_list("pk", flat=True))
    chosen = []
    for key in preferred:
        if key in taken:
            key = free_key(key, is_taken=lambda one: one in taken or model.objects.filter(pk=one).exists())
        taken.add(key)
        chosen.append(key)
    return chosen


# Threads


def ensure_threads(connection: Connection, ids: Iterable[str], *, added_by: str = "") -> dict[str, Thread]:
    """Rows for thread ids, made where missing, locked until the transaction ends. Their content is fetched later."""
    ids = sorted({stored_id(one) for one in ids})  # one order of inserting, too
    with transaction.atomic():
        known = known_rows(Thread, connection=connection, ids=ids)
        for _ in range(THREAD_ATTEMPTS):
            missing = [one for one in ids if one not in known]
            if not missing:
                break
            insert_threads(connection, missing, added_by=added_by)
            known.update(known_rows(Thread, connection=connection, ids=missing))
    return known


def insert_threads(connection: Connection, ids: Sequence[str], *, added_by: str) -> None:
    """Rows for ids that had none; one that another process has made meanwhile stays as it is."""
    now = timezone.now()
    preferred = [key_for(connection_id=connection.pk, upstream_id=one, created_at=now) for one in ids]
    moment = converter(Thread._meta.get_field("due_at"))(now)
    keys = zip(free_keys(Thread, preferred), ids, strict=True)
    new = [(key, connection.pk, one, added_by, moment, moment) for key, one in keys]
    insert_missing_rows(Thread, ("id", "connection_id", "upstream_id", "added_by", "added_at", "due_at"), new)


def upsert_threads(
    connection: Connection, threads: Sequence[objects.Thread], *, fetched_at: datetime, added_by: str = ""
) -> dict[str, Thread]:
    """Threads as fetched; returns the rows by upstream id."""
    threads = [thread for thread in threads if thread.id]
    with transaction.atomic():
        known = ensure_threads(connection, [thread.id for thread in threads], added_by=added_by)
        take_thread_snapshots(known, [(thread, fetched_at) for thread in threads])
    return known


def take_thread_snapshots(known: Mapping[str, Thread], snapshots: Iterable[tuple[objects.Thread, datetime]]) -> None:
    """Content as fetched, by the rule of age, into rows that are there (`known`: by upstream id)."""
    changed: dict[int, Thread] = {}
    for thread, fetched_at in snapshots:
        row = known[stored_id(thread.id)]
        if row.fetched_at and row.fetched_at > fetched_at:
            continue
        row.created_at = thread.created_at or row.created_at
        row.metadata = storable_json(thread.metadata or {})
        row.tool_resources = storable_json(thread.tool_resources)
        row.raw = storable_json(thread.raw)
        row.fetched_at, row.checked_at, row.trouble, row.is_gone = fetched_at, fetched_at, None, False
        changed[row.pk] = row
    converters = [(name, converter(Thread._meta.get_field(name))) for name in THREAD_CONTENT]
    rows_changed = [
        (*(convert(getattr(row, name)) for name, convert in converters), row.pk) for row in changed.values()
    ]
    update_rows(Thread, THREAD_CONTENT, rows_changed)


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


def _upsert_some_runs(
    connection: Connection, runs: Sequence[objects.Run], *, fetched_at: datetime, thread_id: str
) -> dict[str, Run]:
    with transaction.atomic():
        threads = ensure_threads(connection, [run.thread_id or thread_id for run in runs])
        known = known_rows(Run, connection=connection, ids=[stored_id(run.id) for run in runs])
        keys = keys_for_new(Run, connection, known, [(run.id, run.created_at or fetched_at) for run in runs])
        changed: dict[int, tuple[Run, objects.Run]] = {}
        seen: list[StatusSeen] = []
        sums = Sums(threads)
        for run in runs:
            upstream_id = stored_id(run.id)
            row = known.get(upstream_id)
            if row is not None and not accepts(row, run, fetched_at=fetched_at):
                continue
            thread = threads[stored_id(run.thread_id or thread_id)]
            before = Before.of(row)
            if row is None:
                created_at = run.created_at or fetched_at
                row = Run(id=keys[upstream_id], connection=connection, upstream_id=upstream_id, created_at=created_at)
            known[upstream_id] = row = merged_run(connection, thread, row, run, fetched_at=fetched_at)
            sums.note(before, row)
            if row.status_since is None:
                row.status_since = fetched_at
                seen.append(StatusSeen(run_id=row.pk, status=row.status, seen_at=fetched_at))
            changed[row.pk] = row, run
        write_runs(list(changed.values()), fetched_at=fetched_at)
        StatusSeen.objects.bulk_create(seen)
        fulltext.index_runs(one.run_id for one in seen)
        sums.write(connection)
    return known


def keys_for_new(
    model: type[models.Model], connection: Connection, known: Container[str], objects_: Iterable[tuple[str, datetime]]
) -> dict[str, int]:
    """Free keys by upstream id for those of (id, creation time) that are not in `known`."""
    new = {stored_id(one): created_at for one, created_at in objects_ if stored_id(one) not in known}
    preferred = [
        key_for(connection_id=connection.pk, upstream_id=one, created_at=created_at) for one, created_at in new.items()
    ]
    return dict(zip(new, free_keys(model, preferred), strict=True))


def accepts(row: Run, run: objects.Run, *, fetched_at: datetime) -> bool:
    """The rule of age, and that a terminal status is never left."""
    if row.fetched_at and row.fetched_at > fetched_at:
        return False
    return not (row.facts.is_terminal and not run_status(run.status).is_terminal)


def merged_run(connection: Connection, thread: Thread, row: Run, run: objects.Run, *, fetched_at: datetime) -> Run:
    """`row` with the snapshot's columns; last known values stay where the snapshot has none."""
    columns = rows.run_columns(run)
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
    upsert_rows(Run, [{name: getattr(row, name) for name in names} for row, _ in changed], keep=NOT_OF_A_SNAPSHOT)
    bodies = [
        {"run_id": row.pk, **rows.body_row(run.raw, fetched_at=fetched_at, preview=partial(run_preview, run))}
        for row, run in changed
    ]
    upsert_rows(RunBody, bodies)
    write_metadata([row for row, _ in changed])
    write_tools({row.pk: rows.tool_names(run.pending_calls) for row, run in changed})


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


# Steps


def upsert_steps(
    run: Run, steps: Sequence[objects.RunStep], *, fetched_at: datetime, after: int | None = None
) -> list[RunStep]:
    """Steps of one run as fetched, in order; `after`: position of the last step before this page."""
    steps = list({step.id: step for step in steps if step.id}.values())
    connection = run.connection
    with transaction.atomic():
        hold_thread(run.thread_id)
        known = known_rows(RunStep, connection=connection, ids=[stored_id(step.id) for step in steps])
        keys = keys_for_new(
            RunStep, connection, known, [(step.id, step.created_at or run.created_at) for step in steps]
        )
        changed: dict[int, tuple[RunStep, objects.RunStep]] = {}
        ordered: list[RunStep] = []
        has_news = False
        for step, position in rows.positioned_steps(steps, run_created_at=run.created_at, after=after):
            upstream_id = stored_id(step.id)
            row = known.get(upstream_id)
            if row is None:
                created_at = step.created_at or run.created_at
                known[upstream_id] = row = RunStep(
                    id=keys[upstream_id], connection=connection, upstream_id=upstream_id, run=run, created_at=created_at
                )
            if row.fetched_at is None or row.fetched_at <= fetched_at:
                has_news = has_news or row.fetched_at is None or not row.facts.is_terminal
                take_step(row, step, position=position, fetched_at=fetched_at)
                changed[row.pk] = row, step
            ordered.append(row)
        write_steps(list(changed.values()), fetched_at=fetched_at)
        write_tools({run.pk: rows.tool_names(call for _, step in changed.values() for call in step.tool_calls)})
        for name, count in recount_steps([run.pk]).get(run.pk, {}).items():
            setattr(run, name, count)
        if has_news:
            fulltext.index_runs([run.pk])
    return ordered


def take_step(row: RunStep, step: objects.RunStep, *, position: int, fetched_at: datetime) -> None:
    for name, value in rows.step_columns(step, position=position).items():
        setattr(row, name, value)
    row.fetched_at = fetched_at


def recount_steps(run_keys: Iterable[int]) -> dict[int, dict[str, int]]:
    """Counts the steps and tool calls of runs anew; the counts that changed, by run."""
    found: dict[int, dict[str, int]] = {}
    for some in chunks(list(run_keys)):
        there = Run.objects.filter(pk__in=some).values_list("pk", "step_count", "tool_call_count")
        steps = RunStep.objects.filter(run_id__in=some).order_by().values("run_id")
        counted = steps.values_list("run_id", models.Count("id"), models.Sum("call_count"))
        counts = {pk: (count, calls) for pk, count, calls in counted}
        found.update({pk: counts.get(pk, (0, 0)) for pk, *before in there if counts.get(pk, (0, 0)) != tuple(before)})
    update_rows(Run, COUNTS, [(*counts, pk) for pk, counts in found.items()])
    return {pk: dict(zip(COUNTS, counts, strict=True)) for pk, counts in found.items()}


def write_tools(names: Mapping[int, Iterable[str]]) -> None:
    """Names of tools by run key; those already there stay."""
    pairs = [RunTool(run_id=pk, name=name) for pk, own in names.items() for name in own]
    RunTool.objects.bulk_create(pairs, ignore_conflicts=True, batch_size=CHUNK)


def write_steps(changed: Sequence[tuple[RunStep, objects.RunStep]], *, fetched_at: datetime) -> None:
    names = [field.attname for field in RunStep._meta.concrete_fields]
    upsert_rows(RunStep, [{name: getattr(row, name) for name in names} for row, _ in changed])
    bodies = [
        {"step_id": row.pk, **rows.body_row(step.raw, fetched_at=fetched_at, preview=partial(step_preview, step))}
        for row, step in changed
    ]
    upsert_rows(StepBody, bodies)


# Messages


def upsert_messages(
    thread: Thread, messages: Sequence[objects.Message], *, fetched_at: datetime, goes_back: bool = False
) -> list[Message]:
    """Messages of one thread as fetched, oldest first. `goes_back`: they are older than all that is there."""
    messages = list({message.id: message for message in messages if message.id}.values())
    ids = [stored_id(message.id) for message in messages]
    with transaction.atomic():
        hold_thread(thread.pk)
        known = known_rows(Message, connection=thread.connection, ids=ids)
        dated = rows.positioned_messages(messages, fallback=fetched_at)
        dated = in_place(thread, dated, known=known, goes_back=goes_back)
        keys = keys_for_new(Message, thread.connection, known, [(one.id, created_at) for one, created_at, _ in dated])
        changed: dict[int, tuple[Message, objects.Message]] = {}
        ordered: list[Message] = []
        reworded: list[Message] = []
        for message, created_at, position in dated:
            upstream_id = stored_id(message.id)
            row = known.get(upstream_id)
            if row is None:
                known[upstream_id] = row = Message(
                    id=keys[upstream_id],
                    connection_id=thread.connection_id,
                    upstream_id=upstream_id,
                    thread=thread,
                    created_at=created_at,
                    fetched_at=fetched_at,
                )
            elif row.fetched_at > fetched_at:
                ordered.append(row)
                continue
            parts = row.parts
            for name, value in rows.message_columns(message, position=position).items():
                setattr(row, name, value)
            if row.parts != parts:
                reworded.append(row)
            row.fetched_at = fetched_at
            changed[row.pk] = row, message
            ordered.append(row)
        names = [field.attname for field in Message._meta.concrete_fields]
        upsert_rows(Message, [{name: getattr(row, name) for name in names} for row, _ in changed.values()])
        bodies = [message_body(row, one, fetched_at=fetched_at) for row, one in changed.values()]
        upsert_rows(MessageBody, bodies)
        fulltext.index_messages(thread, reworded)
    return ordered


def message_body(row: Message, message: objects.Message, *, fetched_at: datetime) -> Row:
    return {"message_id": row.pk, **rows.body_row(message.raw, fetched_at=fetched_at)}


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
