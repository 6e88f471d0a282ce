"""Orders the runs that need an answer as a queue: the place of one, and what comes after it. Reads the index only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from runsdash.accounts.models import User
from runsdash.actions.outputs.claims import claims
from runsdash.dashboard.runs.rows import complete_rows
from runsdash.dashboard.shell.links import run_url
from runsdash.index.models import Connection, Run

from .queue_scope import EVERYTHING, QueueScope
from .rows import shown

QueuedRun: TypeAlias = tuple[datetime | None, int, int, str]  # its expiry, key, key of the connection, id
MOST_QUEUED = 100  # as many as the inbox shows
MOST_LOOKED_AT = 1_000  # for those that wait for one function


@dataclass(frozen=True, kw_only=True)
class Queue:
    """Holds a run's place among those that need an answer, soonest expiry first; 0 when it needs none."""

    place: int
    count: int
    following: Run | None
    scope: QueueScope = EVERYTHING

    @property
    def count_label(self) -> str:
        return f"{MOST_QUEUED}+" if self.count > MOST_QUEUED else str(self.count)

    @property
    def next_url(self) -> str:
        return answer_url(self.following, self.scope) if self.following else ""

    @property
    def inbox_url(self) -> str:
        query = urlencode(self.scope.inbox_params)
        return f"{reverse('needs_action')}{query and '?'}{query}"


def queue_of(run: Run, *, reader: User, scope: QueueScope = EVERYTHING) -> Queue:
    """Finds the place of `run`, and what follows: the next one that nobody else is answering, else the next one."""
    rows = queued(scope)
    others = [row for row in rows if row[1] != run.pk]
    before = sum(order_of(row[0], row[1]) < order_of(run.expires_at, run.pk) for row in others)
    chosen = first_free([*others[before:], *others[:before]], reader=reader)
    place = before + 1 if len(others) < len(rows) else 0
    return Queue(place=place, count=len(rows), following=completed(chosen), scope=scope)


def queued(scope: QueueScope) -> list[QueuedRun]:
    """Returns the first runs of a queue, one more than are counted."""
    columns = "expires_at", "pk", "connection_id", "upstream_id"
    waiting = Run.objects.of(scope.connection).waiting(timezone.now())
    if not scope.function:
        return list(waiting.values_list(*columns)[: MOST_QUEUED + 1])
    found = waiting.values_list(*columns, "pending_calls")[:MOST_LOOKED_AT]
    return [row[:4] for row in found if scope.asks_for(row[4])][: MOST_QUEUED + 1]


def order_of(expires_at: datetime | None, key: int) -> tuple[bool, float, int]:
    return expires_at is None, expires_at.timestamp() if expires_at else 0, key


def first_free(rows: Sequence[QueuedRun], *, reader: User) -> int | None:
    """Returns the key of the first that nobody else is answering, else of the first; None without any."""
    held = claims() if rows else {}
    taken = {key for key, people in held.items() if any(one.user_id != reader.pk for one in people)}
    free = [row for row in rows if row[2:] not in taken] or rows
    return free[0][1] if free else None


def completed(key: int | None) -> Run | None:
    runs: Sequence[Run] = list(shown(Run.objects.filter(pk=key))) if key else []
    return complete_rows(runs, among=list(Connection.objects.all()))[0] if runs else None


def answer_url(run: Run, scope: QueueScope) -> str:
    """Returns the address that opens a run to be answered: whoever comes by it claims it."""
    return run_url(run, answer="1", **scope.params)
