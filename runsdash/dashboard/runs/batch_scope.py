"""Counts what a batch would act on: runs by status, how many can be acted on, and what their servers do not offer."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Count

from runsdash.actions.batch.jobs import MAX_RUNS
from runsdash.actions.batch.models import CALLS, BatchJob
from runsdash.dashboard.shell.lacks import Lack, lack
from runsdash.index.models import Connection, Run
from runsdash.service.statuses import run_status


@dataclass(frozen=True)
class LackingRuns:
    """Says that a server does not offer an operation, and how many of the runs are on it."""

    connection: Connection
    lack: Lack
    runs: int


class BatchScope:
    """Counts runs by their keys, with one query, and reads their connections with another."""

    def __init__(self, run_ids: Sequence[int]) -> None:
        self.run_ids = run_ids[:MAX_RUNS]

    @cached_property
    def counted(self) -> list[tuple[str, int, int]]:
        """Returns status, key of the connection, and how many."""
        rows = Run.objects.filter(pk__in=self.run_ids).values_list("status", "connection_id")
        return list(rows.annotate(runs=Count("pk")).order_by("-runs", "status", "connection_id"))

    @cached_property
    def connections(self) -> dict[int, Connection]:
        return Connection.objects.in_bulk({key for _, key, _ in self.counted})

    @property
    def by_status(self) -> list[tuple[str, int]]:
        found: Counter[str] = Counter()
        for status, _, runs in self.counted:
            found[status] += runs
        return found.most_common()

    @cached_property
    def no_cancel(self) -> list[LackingRuns]:
        return self.lacking(BatchJob.Operation.CANCEL, lambda status: run_status(status).can_be_cancelled)

    @cached_property
    def no_tag(self) -> list[LackingRuns]:
        return self.lacking(BatchJob.Operation.TAG, lambda status: True)

    @property
    def can_cancel(self) -> int:
        active = sum(runs for status, _, runs in self.counted if run_status(status).can_be_cancelled)
        return active - sum(one.runs for one in self.no_cancel)

    @property
    def can_tag(self) -> int:
        return sum(runs for _, _, runs in self.counted) - sum(one.runs for one in self.no_tag)

    def lacking(self, operation: str, applies: Callable[[str], bool]) -> list[LackingRuns]:
        """Finds the servers that do not offer an operation, with the runs on them that it is for."""
        found: Counter[int] = Counter()
        for status, key, runs in self.counted:
            found[key] += runs if applies(status) else 0
        asked = [(self.connections[key], runs) for key, runs in found.items() if runs]
        return [
            LackingRuns(connection, why, runs)
            for connection, runs in asked
            if (why := lack(connection, CALLS[operation]))
        ]
