"""Keeps what the thread list shows of a thread's runs: how many, how many active, the last one, tokens and cost.

It adds what changed, since counting a thread of 100,000 runs anew for each of them would take seconds. That is
exact because whoever changes runs holds the rows of their threads locked (`ensure_threads`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import TypeVar

from django.db.models import Count, Max, Q, Sum

from runsdash.index import run_states
from runsdash.index.models import Connection, Run, Thread
from runsdash.index.storage.column_types import ColumnValue
from runsdash.index.storage.sql_writes import stored_values, update_rows

from . import rollups

Number = TypeVar("Number", int, float)
NAMES = ("run_count", "active_runs", "last_run_at", "last_run_id", "last_run_status", "total_tokens", "cost")


@dataclass
class TotalsChange:
    """Adds up what new or changed runs do to the sums of their thread. Null: nothing known changes."""

    runs: int = 0
    active: int = 0
    last_run_at: datetime | None = None
    last_run: tuple[int, str] = (0, "")  # key and status
    tokens: int | None = None
    cost: float | None = None

    def add(
        self,
        *,
        key: int,
        status: str,
        created_at: datetime,
        tokens: int | None,
        cost: float | None,
        was_active: bool = False,
        is_new: bool,
    ) -> None:
        """Adds a run. `tokens` and `cost`: what it has more than before; null when it has none."""
        self.runs += is_new
        self.active += (status in run_states.ACTIVE) - was_active
        self.last_run_at = max(self.last_run_at or created_at, created_at)
        self.last_run = max(self.last_run, (key, status), key=itemgetter(0))
        self.tokens = total(self.tokens, tokens)
        self.cost = total(self.cost, cost)


def total(one: Number | None, other: Number | None) -> Number | None:
    """Adds as SQL does: nulls count as nothing, only nulls as null."""
    return other if one is None else one if other is None else one + other


def more(now: Number | None, before: Number | None) -> Number | None:
    """Returns what to add to a sum for a value that was `before` and is `now`."""
    return now if before is None else (now or 0) - before


@dataclass(frozen=True)
class SummedBefore:
    """Holds what the sums saw of a run before a snapshot came. All null: there was none."""

    summed: tuple[ColumnValue, ...] | None = None
    thread_id: int | None = None
    tokens: int | None = None
    cost: float | None = None
    was_active: bool = False

    @classmethod
    def of(cls, run: Run | None) -> "SummedBefore":
        if run is None:
            return cls()
        return cls(rollups.summed(run), run.thread_id, run.total_tokens, run.cost, run.status in run_states.ACTIVE)


@dataclass
class TotalsUpdate:
    """Gathers what a group of snapshots does to sums, and writes it in their transaction."""

    threads: Mapping[str, Thread]
    changes: dict[int, TotalsChange] = field(default_factory=dict)
    moved: set[int] = field(default_factory=set)
    rolled: set[int] = field(default_factory=set)

    def note(self, before: SummedBefore, run: Run) -> None:
        """Notes a run that was new, or may not be what it was `before`."""
        if before.summed != rollups.summed(run):
            self.rolled.add(run.pk)
        if before.thread_id not in (None, run.thread_id):
            self.moved |= {before.thread_id, run.thread_id}
        tokens, cost = more(run.total_tokens, before.tokens), more(run.cost, before.cost)
        change = self.changes.setdefault(run.thread_id, TotalsChange())
        change.add(
            key=run.pk,
            status=run.status,
            created_at=run.created_at,
            tokens=tokens,
            cost=cost,
            was_active=before.was_active,
            is_new=before.summed is None,
        )

    def write(self, connection: Connection) -> None:
        add({row.pk: row for row in self.threads.values()}.values(), self.changes)
        if self.moved:
            recount(self.moved)
        rollups.mark_dirty(connection.pk, self.rolled)


def add(threads: Iterable[Thread], changes: Mapping[int, TotalsChange]) -> None:
    """Applies `changes` (by key) to threads that were just read under a lock; rows and objects both change."""
    write(applied(threads, changes))


def applied(threads: Iterable[Thread], changes: Mapping[int, TotalsChange]) -> list[Thread]:
    """Applies them to the objects alone; returns those that change."""
    changed = []
    for thread in threads:
        change = changes.get(thread.pk)
        if change is not None:
            thread.run_count += change.runs
            if thread.active_runs is not None:  # else it is for fill_columns
                thread.active_runs += change.active
                if change.last_run[0] >= (thread.last_run_id or 0):
                    thread.last_run_id, thread.last_run_status = change.last_run
            known = [at for at in (thread.last_run_at, change.last_run_at) if at is not None]
            thread.last_run_at = max(known, default=None)
            thread.total_tokens = total(thread.total_tokens, change.tokens)
            thread.cost = total(thread.cost, change.cost)
            changed.append(thread)
    return changed


def recount(thread_ids: Iterable[int]) -> None:
    """Counts threads anew from the runs there are, when runs moved, went away or got other prices."""
    ids = list(thread_ids)
    sums = Run.objects.filter(thread_id__in=ids).order_by().values("thread_id")
    active = Count("id", filter=Q(status__in=run_states.ACTIVE))
    sums = sums.annotate(runs=Count("id"), active=active, last_at=Max("created_at"), last=Max("id"))
    found = {one["thread_id"]: one for one in sums.annotate(tokens=Sum("total_tokens"), costs=Sum("cost"))}
    last_keys = [one["last"] for one in found.values()]
    statuses = dict(Run.objects.filter(pk__in=last_keys).values_list("pk", "status"))
    threads = [Thread(id=pk) for pk in ids]
    for thread in threads:
        one = found.get(thread.pk)
        if one:
            thread.run_count, thread.active_runs = one["runs"], one["active"]
            thread.last_run_at, thread.last_run_id = one["last_at"], one["last"]
            thread.last_run_status = statuses[one["last"]]
            thread.total_tokens, thread.cost = one["tokens"], one["costs"]
    write(threads)


def write(threads: Iterable[Thread]) -> None:
    rows = stored_values(Thread, [*NAMES, "id"], threads)
    update_rows(Thread, NAMES, rows)
