"""Writes runs as fetched, with their metadata pairs, tools, status history and the sums of their threads."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial

from django.db import connection as database
from django.db import transaction
from django.db.models import F, QuerySet

from runsdash.index import run_columns, run_states
from runsdash.index.fulltext import writer
from runsdash.index.models import (
    Connection,
    Run,
    RunBody,
    RunMetadata,
    RunTool,
    StatusSeen,
    Thread,
)
from runsdash.index.models.runs import SENT_IN
from runsdash.index.storage.previews import run_preview
from runsdash.index.storage.sql_writes import upsert_rows
from runsdash.index.storage.storable_text import dumped, stored_id
from runsdash.index.totals import pricing
from runsdash.index.totals.thread_totals import SummedBefore, TotalsUpdate
from runsdash.prepared import Prepared
from runsdash.service import objects
from runsdash.service.statuses import run_status

from . import rows
from .ended_runs import read_steps_again
from .known_rows import CHUNK, chunks, keys_for_new, known_rows
from .upsert_threads import ensure_threads

COUNTS = ("step_count", "tool_call_count")
# Columns of a run that others write: leases, what is known of its steps, the archive, what messages say.
NOT_OF_A_SNAPSHOT = (
    "lease_until", "lease_token", *COUNTS, "steps_cursor", "steps_walked_at", "has_all_steps",
    "steps_doubted_at", "steps_checked_at", "steps_changed_at", "added_at", "archived_at", "question", "reply",
)  # fmt: skip


def upsert_runs(
    connection: Connection, runs: Sequence[objects.Run], *, fetched_at: datetime, thread_id: str | None = None
) -> dict[str, Run]:
    """Writes runs as fetched; returns the rows by upstream id, as they stand afterwards.

    `thread_id` serves runs that do not name their thread.
    """
    by_id = {stored_id(run.id): run for run in runs if run.id}
    result = unchanged_runs(connection, by_id, fetched_at=fetched_at)
    runs = [run for upstream_id, run in by_id.items() if upstream_id not in result]
    for start in range(0, len(runs), CHUNK):
        some = runs[start : start + CHUNK]
        result.update(_upsert_some_runs(connection, some, fetched_at=fetched_at, thread_id=thread_id or ""))
    return result


def upsert_run(connection: Connection, run: objects.Run, *, fetched_at: datetime, thread_id: str | None = None) -> Run:
    return upsert_runs(connection, [run], fetched_at=fetched_at, thread_id=thread_id)[stored_id(run.id)]


def unchanged_runs(connection: Connection, runs: Mapping[str, objects.Run], *, fetched_at: datetime) -> dict[str, Run]:
    """Moves the age of runs that are in the index just as they were received now; returns those."""
    found: dict[str, Run] = {
        row.upstream_id: row
        for some in chunks(list(runs))
        for row in (ONE_THERE.rows if len(some) == 1 else there)(connection.pk, *some)
        if is_in_order(row, runs[row.upstream_id], fetched_at=fetched_at)
        and getattr(row, "digest", None) == rows.digest_of(dumped(runs[row.upstream_id].raw))
    }
    for upstream_id, row in found.items():
        row.reply_digest = runs[upstream_id].reply_digest or row.reply_digest
    return found if found and are_moved(list(found.values()), fetched_at=fetched_at) else {}


def there(connection_id: int, *ids: str) -> QuerySet[Run]:
    rows_there = Run.objects.filter(connection_id=connection_id, upstream_id__in=ids)
    return rows_there.select_related("thread").annotate(digest=F("body__digest"))


ONE_THERE = Prepared(there, int, str)


def is_in_order(row: Run, run: objects.Run, *, fetched_at: datetime) -> bool:
    """Has the row the status of the run, and is it not younger?"""
    return row.fetched_at is not None and row.fetched_at <= fetched_at and row.facts == run_status(run.status)


def are_moved(found: Sequence[Run], *, fetched_at: datetime) -> bool:
    """Moves the age of rows and forgets their trouble. False: another snapshot of one was stored meanwhile."""
    stored = database.ops.adapt_datetimefield_value
    sql = (
        "UPDATE index_run SET fetched_at = %s, checked_at = %s, trouble = NULL, reply_digest = %s"
        " WHERE id = %s AND fetched_at = %s"
    )
    age = stored(fetched_at)
    with transaction.atomic(), database.cursor() as cursor:
        cursor.executemany(sql, [(age, age, row.reply_digest, row.pk, stored(row.fetched_at)) for row in found])
        moved: int = cursor.rowcount
    for row in found:
        row.fetched_at, row.checked_at, row.trouble = fetched_at, fetched_at, None
    return moved == len(found)


def _upsert_some_runs(
    connection: Connection, runs: Sequence[objects.Run], *, fetched_at: datetime, thread_id: str
) -> dict[str, Run]:
    with transaction.atomic():
        named = [stored_id(run.thread_id or thread_id) for run in runs]
        threads = ensure_threads(connection, [*named, *threads_left(connection, runs, named)])
        known = known_rows(Run, connection=connection, ids=[stored_id(run.id) for run in runs])
        keys = keys_for_new(Run, connection, known, [(run.id, run.created_at or fetched_at) for run in runs])
        changed: dict[int, tuple[Run, objects.Run]] = {}
        seen: list[StatusSeen] = []
        ended: list[Run] = []
        sums = TotalsUpdate(threads)
        for run in runs:
            upstream_id = stored_id(run.id)
            row = known.get(upstream_id)
            if row is not None and not accepts(row, run, fetched_at=fetched_at):
                continue
            thread = threads[stored_id(run.thread_id or thread_id)]
            before, was_active = SummedBefore.of(row), row is not None and row.facts.is_active
            if row is None:
                created_at = run.created_at or fetched_at
                row = Run(id=keys[upstream_id], connection=connection, upstream_id=upstream_id, created_at=created_at)
            known[upstream_id] = row = merged_run(connection, thread, row, run, fetched_at=fetched_at)
            sums.note(before, row)
            if row.status_since is None:
                row.status_since = fetched_at
                is_to_tell = row.status in run_states.TELLS or None
                seen.append(StatusSeen(run_id=row.pk, status=row.status, seen_at=fetched_at, is_to_tell=is_to_tell))
            changed[row.pk] = row, run
            if was_active and row.facts.is_terminal:
                ended.append(row)
        write_runs(list(changed.values()), fetched_at=fetched_at)
        for row in ended:
            read_steps_again(row)
        StatusSeen.objects.bulk_create(seen)
        for pk, excerpts in writer.index_runs(one.run_id for one in seen).items():
            changed[pk][0].question, changed[pk][0].reply = excerpts
        sums.write(connection)
    return known


def threads_left(connection: Connection, runs: Sequence[objects.Run], named: Sequence[str]) -> list[str]:
    """Finds threads that runs are moved away from. Their sums change, so they are held like the others."""
    if not database.features.has_select_for_update:  # one writer at a time
        return []
    there = Run.objects.filter(connection=connection, upstream_id__in=[stored_id(run.id) for run in runs])
    left = there.exclude(thread__upstream_id__in=set(named))
    return list(left.order_by().values_list("thread__upstream_id", flat=True).distinct())


def accepts(row: Run, run: objects.Run, *, fetched_at: datetime) -> bool:
    """Is the snapshot not older than the row, and leaves it no terminal status that a server told?"""
    if row.fetched_at and row.fetched_at > fetched_at:
        return False
    was_only_sent_in = row.reply_digest == SENT_IN and run.reply_digest != SENT_IN
    return was_only_sent_in or not (row.facts.is_terminal and not run_status(run.status).is_terminal)


def merged_run(connection: Connection, thread: Thread, row: Run, run: objects.Run, *, fetched_at: datetime) -> Run:
    """Gives `row` the snapshot's columns; last known values stay where the snapshot has none."""
    columns = run_columns.columns_of(run)
    for name in run_columns.LAST_KNOWN:
        if columns[name] in (None, []):
            columns[name] = getattr(row, name)
    if row.status != columns["status"]:
        row.status_since = None
    elif not columns["error_code"] and not columns["error_message"]:  # its stream may have told why, and it alone
        columns |= {"error_code": row.error_code, "error_message": row.error_message}
    ended_before = row.ended_at
    for name, value in columns.items():
        setattr(row, name, value)
    if row.status == run_states.EXPIRED:
        row.ended_at = run_columns.end_of_expired(row.ended_at, row.expires_at, seen_at=fetched_at) or ended_before
    row.thread = thread
    row.queue_s = rows.seconds_between(row.created_at, row.started_at)
    row.duration_s = rows.seconds_between(row.started_at or row.created_at, row.ended_at)
    row.fetched_at, row.checked_at, row.trouble = fetched_at, fetched_at, None
    row.reply_digest = run.reply_digest
    row.cost = pricing.cost_of(
        model=row.model,
        kind=connection.kind,
        created_at=row.created_at,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        cached_tokens=row.cached_tokens,
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
    wanted = {run.pk: rows.metadata_pairs(run.metadata) for run in runs}
    stale = [pk for pk, pairs in wanted.items() if pairs != there.get(pk, {})]
    if there:
        RunMetadata.objects.filter(run_id__in=[pk for pk in stale if pk in there]).delete()
    fresh = [RunMetadata(run_id=pk, key=key, value=value) for pk in stale for key, value in wanted[pk].items()]
    RunMetadata.objects.bulk_create(fresh, ignore_conflicts=True)


def write_tools(names: Mapping[int, Iterable[str]]) -> None:
    """Writes names of tools by run key; those already there stay."""
    pairs = [RunTool(run_id=pk, name=name) for pk, own in names.items() for name in own]
    RunTool.objects.bulk_create(pairs, ignore_conflicts=True, batch_size=CHUNK)
