"""Orders the runs that need an answer as a queue: the place of one, and what comes after it. Reads the index only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from runsdash.accounts.models import User
from runsdash.actions.outputs.claims import claims
from runsdash.dashboard.runs.rows import complete_rows
from runsdash.dashboard.shell.links import run_url
from runsdash.index.models import Connection, Run

from .inbox import shown

MOST_QUEUED = 100  # as many as the inbox shows


@dataclass(frozen=True, kw_only=True)
class Queue:
    """Holds a run's place among those that need an answer, soonest expiry first; 0 when it needs none."""

    place: int
    count: int
    following: Run | None
    connection: Connection | None = None  # the inbox is narrowed to it

    @property
    def count_label(self) -> str:
        return f"{MOST_QUEUED}+" if self.count > MOST_QUEUED else str(self.count)

    @property
    def next_url(self) -> str:
        return answer_url(self.following, self.connection) if self.following else ""

    @property
    def inbox_url(self) -> str:
        query = f"?{urlencode({'connection': self.connection.slug})}" if self.connection else ""
        return reverse("needs_action") + query


def queue_connection(request: HttpRequest) -> Connection | None:
    """Returns the connection that the reader's inbox is narrowed to: `queue` of the address or the form."""
    slug = request.POST.get("queue") or request.GET.get("queue")
    return Connection.objects.filter(slug=slug[:64]).first() if slug else None


def queue_of(run: Run, *, reader: User, connection: Connection | None = None) -> Queue:
    """Finds the place of `run`, and what follows: the next one that nobody else is answering, else the next one.

    `connection`: only runs of it are in the queue.
    """
    waiting = (
        Run.objects.of(connection)
        .waiting(timezone.now())
        .values_list("expires_at", "pk", "connection_id", "upstream_id")
    )
    rows = list(waiting[: MOST_QUEUED + 1])
    others = [row for row in rows if row[1] != run.pk]
    before = sum(order_of(row[0], row[1]) < order_of(run.expires_at, run.pk) for row in others)
    chosen = first_free([*others[before:], *others[:before]], reader=reader)
    place = before + 1 if len(others) < len(rows) else 0
    return Queue(place=place, count=len(rows), following=completed(chosen), connection=connection)


def order_of(expires_at: datetime | None, key: int) -> tuple[bool, float, int]:
    return expires_at is None, expires_at.timestamp() if expires_at else 0, key


def first_free(rows: Sequence[tuple], *, reader: User) -> int | None:
    """Returns the key of the first that nobody else is answering, else of the first; None without any."""
    held = claims() if rows else {}
    taken = {key for key, people in held.items() if any(one.user_id != reader.pk for one in people)}
    free = [row for row in rows if row[2:] not in taken] or rows
    return free[0][1] if free else None


def completed(key: int | None) -> Run | None:
    runs: Sequence[Run] = list(shown(Run.objects.filter(pk=key))) if key else []
    return complete_rows(runs, among=list(Connection.objects.all()))[0] if runs else None


def answer_url(run: Run, connection: Connection | None = None) -> str:
    """Returns the address that opens a run to be answered: whoever comes by it claims it."""
    return run_url(run, answer="1", queue=connection.slug if connection else "")
