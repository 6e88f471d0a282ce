"""What the overview counts: runs by status and by cause of not completing, what waits for a person, what is overdue.

Times become bounds on keys, so every count walks an index range. Counts that take long are kept a while in this
process, in proportion to what they cost: an overview polled by many people stays cheap on a large index.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, F, Max, Q, QuerySet
from django.utils import timezone

from runsdash.service.statuses import RunStatus

from .keys import first_key_of
from .models import Connection, Run

ACTIVE = [status.value for status in RunStatus if status.is_active]
UNFINISHED = [RunStatus.FAILED.value, RunStatus.INCOMPLETE.value, RunStatus.EXPIRED.value]
OVERDUE_AFTER = timedelta(minutes=15)
FAST_ENOUGH_S = 0.02  # counts faster than this are never kept
KEPT_TIMES_COST = 50  # a count is kept fifty times as long as it took: at most 2 % of the time goes into it
MAX_KEPT = 200

_kept: dict[tuple, tuple[float, object]] = {}


def affordable(key: tuple, count: Callable[[], object]) -> object:
    """What `count` returns, or what it returned a moment ago when it is slow."""
    until, found = _kept.get(key, (0.0, None))
    started = time.monotonic()
    if started < until:
        return found
    found = count()
    cost_s = time.monotonic() - started
    if cost_s > FAST_ENOUGH_S:
        if len(_kept) >= MAX_KEPT:
            _kept.clear()
        _kept[key] = (started + cost_s * (1 + KEPT_TIMES_COST), found)
    return found


@dataclass(frozen=True)
class Window:
    """A span of creation times, `end` excluded; `end` None means up to now."""

    start: datetime
    end: datetime | None = None

    @property
    def before(self) -> "Window":
        """The equally long window just before."""
        return Window(self.start - ((self.end or timezone.now()) - self.start), self.start)

    def runs(self, connection: Connection | None) -> QuerySet[Run]:
        runs = of(connection).filter(pk__gte=first_key_of(self.start))
        return runs.filter(pk__lt=first_key_of(self.end)) if self.end else runs


def of(connection: Connection | None) -> QuerySet[Run]:
    return Run.objects.all() if connection is None else Run.objects.filter(connection=connection)


def by_status(runs: QuerySet[Run]) -> dict[str, int]:
    return {row["status"]: row["n"] for row in runs.order_by().values("status").annotate(n=Count("id"))}


def active_by_status(connection: Connection | None) -> dict[str, int]:
    """Right now, whenever they were created."""
    return by_status(of(connection).filter(status__in=ACTIVE))


@dataclass
class Cause:
    """Why runs did not complete. `code` may be empty: the API gave no reason."""

    status: str
    code: str
    count: int = 0
    last_at: datetime | None = None
    by_assistant: dict[tuple[int, str], int] = field(default_factory=dict)

    @property
    def mostly(self) -> tuple[int, str]:
        """(connection key, assistant id) that has it most often."""
        return max(self.by_assistant, key=self.by_assistant.get)


def causes(window: Window, connection: Connection | None) -> list[Cause]:
    """Most frequent first."""
    rows = (
        window.runs(connection)
        .filter(status__in=UNFINISHED)
        .order_by()
        .values("status", "error_code", "connection_id", "assistant_id")
        .annotate(n=Count("id"), last_at=Max("created_at"))
    )
    found: dict[tuple[str, str], Cause] = {}
    for row in rows:
        cause = found.setdefault((row["status"], row["error_code"]), Cause(row["status"], row["error_code"]))
        cause.count += row["n"]
        cause.last_at = max(filter(None, (cause.last_at, row["last_at"])))
        cause.by_assistant[row["connection_id"], row["assistant_id"]] = row["n"]
    return sorted(found.values(), key=lambda cause: -cause.count)


def waiting(connection: Connection | None) -> QuerySet[Run]:
    """Runs that wait for a person and can still be answered, soonest expiry first."""
    can_be_answered = Q(expires_at__gt=timezone.now()) | Q(expires_at=None)
    runs = of(connection).filter(can_be_answered, status=RunStatus.REQUIRES_ACTION.value)
    return runs.order_by(F("expires_at").asc(nulls_last=True), "pk")


def overdue(connection: Connection | None) -> QuerySet[Run]:
    """Active by our last look, yet past their expiry or older than OVERDUE_AFTER; not what `waiting` lists."""
    now = timezone.now()
    is_late = Q(expires_at__lt=now) | Q(pk__lt=first_key_of(now - OVERDUE_AFTER))
    still_waits = Q(status=RunStatus.REQUIRES_ACTION.value) & (Q(expires_at__gte=now) | Q(expires_at=None))
    return of(connection).filter(is_late, status__in=ACTIVE).exclude(still_waits).order_by("-pk")
