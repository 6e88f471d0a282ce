"""Writes the threads that a block's objects belong to.

Known threads are held, and take what the block says of them by the rule of age. New ones are made in memory and go in
whole, once the sums of their runs are known: one row of a COPY each instead of an INSERT and two UPDATEs. That expects
that nobody else adds them meanwhile, as the writer does with runs.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils import timezone

from runsdash.index.excerpts import LOOKED_AT, first_question_among, reply_among
from runsdash.index.models import Connection, Thread
from runsdash.index.snapshots.known_rows import keys_of
from runsdash.index.snapshots.upsert_threads import (
    ensure_threads,
    insert_metadata_pairs,
    taken_thread_snapshots,
    write_thread_snapshots,
)
from runsdash.index.storage.keys import key_for
from runsdash.index.storage.sql_writes import insert_rows, stored_values
from runsdash.index.totals import thread_totals
from runsdash.service import objects

from .read_line import ONLY_ID
from .row_types import BlockRows, MessageRows

FLAGS = ("has_all_runs", "has_all_messages", "is_gone")  # what an export says of a thread that is new here


@dataclass
class BlockThreads:
    """Holds the threads of a block: `rows` by upstream id, ids of `new` and of `uninserted` ones."""

    rows: dict[str, Thread]
    new: set[str]
    uninserted: set[str]

    def add_runs(self, changes: dict[int, thread_totals.TotalsChange]) -> None:
        """Adds new runs to the sums of their threads (by key), and inserts the threads that waited for them."""
        changed = thread_totals.applied(self.rows.values(), changes)
        insert_threads(self.rows[one] for one in sorted(self.uninserted))
        thread_totals.write(row for row in changed if row.upstream_id not in self.uninserted)
        self.uninserted = set()


def threads_of_block(connection: Connection, block: BlockRows, *, is_careful: bool) -> BlockThreads:
    """Holds, makes and updates the threads of a block. `is_careful`: new ones are inserted here, one by one."""
    ids = thread_ids(block)
    known = set(keys_of(Thread, connection=connection, ids=ids))
    new = set(ids) - known
    uninserted = set() if is_careful else new
    rows = ensure_threads(connection, ids if is_careful else known)
    rows |= {one: unsaved(connection.pk, one) for one in uninserted}
    read = [thread for thread in block.threads if thread.kept.get(ONLY_ID) is not True]
    changed = taken_thread_snapshots(rows, ((objects.Thread.from_raw(one.value), one.fetched_at) for one in read))
    write_thread_snapshots(row for row in changed if row.upstream_id not in uninserted)
    threads = BlockThreads(rows, new, uninserted)
    set_flags(block, threads)
    set_excerpts(block, threads)
    return threads


def thread_ids(block: BlockRows) -> list[str]:
    ids = [run.thread_id for run in block.runs.values()] + [message.thread_id for message in block.messages]
    return list(dict.fromkeys([*ids, *(thread.upstream_id for thread in block.threads)]))


def unsaved(connection_id: int, upstream_id: str) -> Thread:
    now = timezone.now()
    key = key_for(connection_id=connection_id, upstream_id=upstream_id, created_at=now)
    return Thread(id=key, connection_id=connection_id, upstream_id=upstream_id, added_at=now, due_at=now)


def set_flags(block: BlockRows, threads: BlockThreads) -> None:
    for thread in block.threads:
        names = [name for name in FLAGS if thread.kept.get(name) is True and thread.upstream_id in threads.new]
        row = threads.rows[thread.upstream_id]
        for name in names:
            setattr(row, name, True)
        if names and thread.upstream_id not in threads.uninserted:
            row.save(update_fields=names)


def set_excerpts(block: BlockRows, threads: BlockThreads) -> None:
    """Gives new threads what was said first and last: all their messages so far are in this block."""
    by_thread: dict[str, list[MessageRows]] = {}
    for message in block.messages:
        if message.thread_id in threads.uninserted:
            by_thread.setdefault(message.thread_id, []).append(message)
    for thread_id, messages in by_thread.items():
        row = threads.rows[thread_id]
        row.first_question = first_question_among(messages[:LOOKED_AT])
        row.last_reply = reply_among(messages[::-1][:LOOKED_AT])


def insert_threads(rows: Iterable[Thread]) -> None:
    rows = list(rows)
    names = [field.attname for field in Thread._meta.concrete_fields]
    insert_rows(Thread, names, stored_values(Thread, names, rows))
    insert_metadata_pairs(rows)
