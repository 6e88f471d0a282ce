"""Counts runs by what they are right now, whenever they began. The indexes on status find them."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection as database
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from runsdash.index import run_states
from runsdash.index.models import Connection, Run

MOST_WAITING = 1000  # counted no further


@dataclass(frozen=True)
class RightNow:
    """Holds how many runs are active, by status, how many are overdue, and when the first that waits expires."""

    by_status: Counter[str]
    overdue: int
    soonest: datetime | None


def right_now(connection: Connection | None, *, now: datetime) -> RightNow:
    """Counts active runs, in one statement. Written by hand: each look at the overview asks it."""
    late, of_late = run_states.overdue_sql(now)
    waits, of_waits = run_states.waiting_sql(now)
    own = " AND r.connection_id = %s" if connection else ""
    text = (
        f"SELECT r.status, COUNT(*), SUM(CASE WHEN {late} THEN 1 ELSE 0 END), "
        f"MIN(CASE WHEN r.status = %s AND {waits} THEN r.expires_at END) FROM index_run r "
        f"WHERE r.status IN ({', '.join(['%s'] * len(run_states.ACTIVE))}){own} GROUP BY r.status"
    )
    params = [*of_late, run_states.WAITING, *of_waits, *run_states.ACTIVE, *([connection.pk] if connection else [])]
    with database.cursor() as cursor:
        cursor.execute(text, params)
        rows = cursor.fetchall()
    soonest = [moment_of(first) for *_, first in rows if first is not None]
    by_status = Counter({status: runs for status, runs, *_ in rows})
    return RightNow(by_status, sum(late for _, _, late, _ in rows), min(soonest, default=None))


def moment_of(value: str | datetime) -> datetime:
    """Reads a moment as the engine gives it: SQLite as text without its zone."""
    moment = parse_datetime(value) if isinstance(value, str) else value
    assert moment is not None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def waiting_count(connection: Connection | None) -> int:
    """Counts the runs that wait for a person; MOST_WAITING stands for as many or more."""
    return Run.objects.of(connection).waiting(timezone.now()).order_by()[:MOST_WAITING].count()
