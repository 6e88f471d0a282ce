"""Says how a connection is doing: budget used, what waits, how late it is. Reads rows, on indexes, and asks nobody."""

from dataclasses import dataclass
from datetime import datetime
from time import time

from django.db.models import Min
from django.utils import timezone

from runsdash.index.models import Connection, Run, Thread
from runsdash.sync.budget.shared_budget import used_since

from .due import ACTIVE_EVERY

MINUTE_S = 60
COUNTED_MOST = 10_000
ON_TIME_S = 1.0  # a check this late is no lag: the worker's rounds take a moment


@dataclass(frozen=True, kw_only=True)
class ConnectionHealth:
    """Counts what was used in the last minute and what waits. `lag_s`: age of the oldest overdue check, else 0.

    `due_threads` stops counting at COUNTED_MOST. `paused_until`: asked for by the upstream; `rests_until`: the
    workers' own, after failures. Both None when over.
    """

    used: int
    used_by_pages: int
    budget_per_min: int
    active_runs: int
    due_threads: int
    lag_s: float
    paused_until: datetime | None
    rests_until: datetime | None

    @property
    def is_paused(self) -> bool:
        return self.paused_until is not None or self.rests_until is not None

    @property
    def has_more_due(self) -> bool:
        return self.due_threads >= COUNTED_MOST


def connection_health(connection: Connection) -> ConnectionHealth:
    now = timezone.now()
    used = used_since(connection.pk, time() - MINUTE_S)
    due = Thread.objects.filter(connection=connection, due_at__lte=now)
    return ConnectionHealth(
        used=sum(used.values()),
        used_by_pages=used["pages"],
        budget_per_min=connection.budget_per_min,
        active_runs=Run.objects.active().filter(connection=connection).count(),
        due_threads=len(due.values_list("pk")[:COUNTED_MOST]),
        lag_s=lag_s(connection, now=now),
        paused_until=in_future(connection.paused_until, now=now),
        rests_until=in_future(connection.rests_until, now=now),
    )


def lag_s(connection: Connection, *, now: datetime) -> float:
    """Returns the age of the oldest overdue check. Nothing of a connection that is off is overdue."""
    if not connection.is_asked:
        return 0.0
    oldest = (
        Thread.objects.filter(connection=connection, due_at__lte=now)
        .order_by("due_at")
        .values_list("due_at", flat=True)
        .first()
    )
    runs = Run.objects.active().filter(connection=connection, trouble__isnull=True, expires_at__gte=now)
    checked_at = runs.aggregate(oldest=Min("checked_at"))["oldest"]
    were_due = [oldest, checked_at and checked_at + ACTIVE_EVERY]
    lag = max(((now - moment).total_seconds() for moment in were_due if moment), default=0.0)
    return lag if lag > ON_TIME_S else 0.0


def in_future(moment: datetime | None, *, now: datetime) -> datetime | None:
    return moment if moment is not None and moment > now else None
