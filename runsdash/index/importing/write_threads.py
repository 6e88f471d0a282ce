"""The threads that a block's objects belong to.

Those that are there are held, and take what the block says of them by the rule of age. New ones are made in memory and go
in whole, once the sums of their runs are known: one row of a COPY each instead of an INSERT and two UPDATEs. That bets
that nobody else adds them meanwhile, as the writer does with runs.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils import timezone

from runsdash.index.models import Connection, Thread
from runsdash.index.snapshots.known_rows import keys_of
from runsdash.index.snapshots.upsert_threads import ensure_threads, taken_thread_snapshots, write_thread_snapshots
from runsdash.index.storage.keys import key_for
from runsdash.index.storage.sql_writes import converter, insert_rows
from runsdash.index.totals import thread_totals
from runsdash.service import objects

from .read_line import ONLY_ID
from .row_types import BlockRows, ThreadSnapshot

FLAGS = ("has_all_runs", "has_all_messages", "is_gone")  # what an export tells of a thread that is new here


@dataclass
class BlockThreads:
    """`rows` by upstream id; `new`: ids of those that were not there; `waiting`: of those that are not inserted yet."""

    rows: dict[str, Thread]
    new: set[str]
    waiting: set[str]

    def add_runs(self, changes: dict[int, thread_totals.TotalsChange]) -> None:
        """What new runs do to the sums of their threads (by key). Writes the threads that wait, too."""
        changed = thread_totals.applied(self.rows.values(), changes)
        insert_threads(self.rows[one] for one in sorted(self.waiting))
        thread_totals.write(row for row in changed if row.upstream_id not in self.waiting)
        self.waiting = set()


def threads_of_block(connection: Connection, block: BlockRows, *, is_careful: bool) -> BlockThreads:
    """`is_careful`: all threads are inserted here, one by one."""
    ids = ids_of(block)
    there = set(keys_of(Thread, connection=connection, ids=ids))
    new = set(ids) - there
    rows = ensure_threads(connection, ids if is_careful else there)
    waiting = set() if is_careful else new
    rows |= {one: unsaved(connection.pk, one) for one in waiting}
    read = [part for part in block.threads if part.kept.get(ONLY_ID) is not True]
    changed = taken_thread_snapshots(rows, ((objects.Thread.from_raw(part.value), part.fetched_at) for part in read))
    write_thread_snapshots(row for row in changed if row.upstream_id not in waiting)
    set_flags(block.threads, rows, new, waiting)
    return BlockThreads(rows, new, waiting)


def ids_of(block: BlockRows) -> list[str]:
    ids = [part.thread_id for part in block.runs.values()] + [part.thread_id for part in block.messages]
    return list(dict.fromkeys([*ids, *(part.upstream_id for part in block.threads)]))


def unsaved(connection_id: int, upstream_id: str) -> Thread:
    now = timezone.now()
    key = key_for(connection_id=connection_id, upstream_id=upstream_id, created_at=now)
    return Thread(id=key, connection_id=connection_id, upstream_id=upstream_id, added_at=now, due_at=now)


def set_flags(parts: Iterable[ThreadSnapshot], rows: dict[str, Thread], new: set[str], waiting: set[str]) -> None:
    for part in parts:
        names = [name for name in FLAGS if part.kept.get(name) is True and part.upstream_id in new]
        row = rows[part.upstream_id]
        for name in names:
            setattr(row, name, True)
        if names and part.upstream_id not in waiting:
            row.save(update_fields=names)


def insert_threads(rows: Iterable[Thread]) -> None:
    converters = [(field.attname, converter(field)) for field in Thread._meta.concrete_fields]
    values = [tuple(convert(getattr(row, name)) for name, convert in converters) for row in rows]
    insert_rows(Thread, [name for name, _ in converters], values)
