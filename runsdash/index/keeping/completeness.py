"""Counts what the archive of a whole connection still lacks, and how many requests that takes. Asks no upstream."""

from dataclasses import dataclass
from math import ceil

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from runsdash.index.models import ArchivedFile, Connection, Run, Thread

from .archive import counted

REQUESTS_A_THREAD = 2  # its messages and its runs, where they fit on a page each
SHARE_OF_BUDGET = 0.8  # the rest is for pages
NOTICE_DAYS = 90
IS_IN_PART = Q(has_all_runs=False) | Q(has_all_messages=False)  # a thread whose runs or messages are not all here


@dataclass(frozen=True, kw_only=True)
class Completeness:
    """Says how much of a connection is archived. Counts stop at archive.COUNTED."""

    runs: int
    open_runs: int  # not archived yet
    stepless_runs: int  # of those, without all their steps
    open_threads: int  # whose runs or messages are not all here
    open_files: int
    budget_per_min: int

    @property
    def percent(self) -> int:
        """Returns the share of runs that are archived, rounded down: 100 is said of all alone."""
        return 100 * (self.runs - self.open_runs) // self.runs if self.runs else 100

    @property
    def is_complete(self) -> bool:
        return not (self.open_runs or self.open_threads or self.open_files)

    @property
    def requests(self) -> int:
        """Estimates how many requests are missing, at least."""
        return self.stepless_runs + self.open_threads * REQUESTS_A_THREAD + self.open_files

    @property
    def minutes(self) -> int | None:
        """Estimates how long they take within the budget; None without a limit."""
        return ceil(self.requests / (self.budget_per_min * SHARE_OF_BUDGET)) if self.budget_per_min > 0 else None


def open_runs(connection: Connection) -> QuerySet[Run]:
    return Run.objects.filter(connection=connection, archived_at__isnull=True, thread__is_gone=False)


def open_threads(connection: Connection) -> QuerySet[Thread]:
    """Finds threads of which the upstream may have more than is here, in the order of their keys."""
    unarchived = Run.objects.filter(thread=OuterRef("pk"), archived_at__isnull=True)
    return Thread.objects.filter(IS_IN_PART | Exists(unarchived), connection=connection, is_gone=False).order_by("pk")


def completeness(connection: Connection) -> Completeness:
    files = ArchivedFile.objects.filter(connection=connection, fetched_at__isnull=True)
    threads = Thread.objects.filter(connection=connection, is_gone=False)
    return Completeness(
        runs=counted(Run.objects.filter(connection=connection)),
        open_runs=counted(open_runs(connection)),
        stepless_runs=counted(open_runs(connection).filter(has_all_steps=False)),
        open_threads=counted(threads.filter(IS_IN_PART)),
        open_files=counted(files),
        budget_per_min=connection.budget_per_min,
    )


def days_left(connection: Connection) -> int | None:
    """Counts the days until the provider closes, its last one included; None without a date or after it."""
    if connection.sunset_on is None or connection.is_retired:
        return None
    return (connection.sunset_on - timezone.now().date()).days + 1
