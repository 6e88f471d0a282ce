"""Writes threads as fetched with their metadata pairs, and rows for threads of which only the id is known.

Locks them, in one order.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from runsdash.index.models import Connection, Thread, ThreadMetadata
from runsdash.index.storage.keys import key_for
from runsdash.index.storage.sql_writes import converters, insert_missing_rows, insert_rows, stored_values, update_rows
from runsdash.index.storage.storable_text import dumped, storable_json, stored_id
from runsdash.service import objects

from .known_rows import free_keys, known_rows
from .rows import metadata_pairs

THREAD_ATTEMPTS = 3  # other processes may take a key between a look and an insert
THREAD_CONTENT = (
    "created_at", "metadata", "tool_resources", "raw", "body", "fetched_at", "checked_at", "trouble", "is_gone",
)  # fmt: skip


def ensure_threads(connection: Connection, ids: Iterable[str], *, added_by: str = "") -> dict[str, Thread]:
    """Locks the rows of thread ids, made where missing, until the transaction ends. Their content is fetched later."""
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
    """Inserts rows for ids that had none; one that another process has made meanwhile stays as it is."""
    now = timezone.now()
    preferred = [key_for(connection_id=connection.pk, upstream_id=one, created_at=now) for one in ids]
    [stored] = converters(Thread, ["due_at"])
    moment = stored(now)
    keys = zip(free_keys(Thread, preferred), ids, strict=True)
    new = [(key, connection.pk, one, added_by, moment, moment) for key, one in keys]
    insert_missing_rows(Thread, ("id", "connection_id", "upstream_id", "added_by", "added_at", "due_at"), new)


def upsert_threads(
    connection: Connection, threads: Sequence[objects.Thread], *, fetched_at: datetime, added_by: str = ""
) -> dict[str, Thread]:
    """Writes threads as fetched; returns the rows by upstream id."""
    threads = [thread for thread in threads if thread.id]
    with transaction.atomic():
        known = ensure_threads(connection, [thread.id for thread in threads], added_by=added_by)
        take_thread_snapshots(known, [(thread, fetched_at) for thread in threads])
    return known


def take_thread_snapshots(known: Mapping[str, Thread], snapshots: Iterable[tuple[objects.Thread, datetime]]) -> None:
    """Writes content as fetched, by the rule of age, into rows that are there (`known`: by upstream id)."""
    write_thread_snapshots(taken_thread_snapshots(known, snapshots))


def taken_thread_snapshots(
    known: Mapping[str, Thread], snapshots: Iterable[tuple[objects.Thread, datetime]]
) -> Iterable[Thread]:
    """Gives the objects alone their content; returns those that changed."""
    changed: dict[int, Thread] = {}
    for thread, fetched_at in snapshots:
        row = known[stored_id(thread.id)]
        if row.fetched_at and row.fetched_at > fetched_at:
            continue
        row.created_at = thread.created_at or row.created_at
        metadata = storable_json(thread.metadata or {})
        row.has_new_metadata = row.has_new_metadata or metadata != row.metadata
        row.metadata = metadata
        row.tool_resources = storable_json(thread.tool_resources)
        row.raw, row.body = None, dumped(thread.raw).decode()
        row.fetched_at, row.checked_at, row.trouble, row.is_gone = fetched_at, fetched_at, None, False
        changed[row.pk] = row
    return changed.values()


def write_thread_snapshots(rows: Iterable[Thread]) -> None:
    rows = list(rows)
    replace_metadata_pairs([row for row in rows if row.has_new_metadata])
    update_rows(Thread, THREAD_CONTENT, stored_values(Thread, [*THREAD_CONTENT, "id"], rows))


def replace_metadata_pairs(rows: Sequence[Thread]) -> None:
    """Writes the pairs of threads whose metadata has changed; few ever do."""
    if rows:
        ThreadMetadata.objects.filter(thread__in=[row.pk for row in rows]).delete()
        insert_metadata_pairs(rows)


def insert_metadata_pairs(rows: Iterable[Thread]) -> None:
    pairs = [(row.pk, *pair) for row in rows for pair in metadata_pairs(row.metadata).items()]
    insert_rows(ThreadMetadata, ("thread_id", "key", "value"), pairs)
