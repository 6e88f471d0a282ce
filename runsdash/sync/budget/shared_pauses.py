"""Shares waits that the upstream asked for between all processes, and lets workers rest after its failures.

Retry-After is read and obeyed by `runsdash/service/retry.py`, whose `Backoff` owns waiting inside a process; the
connection's row carries it to the others.
"""

from datetime import datetime, timedelta

from django.db.models import F, Q
from django.utils import timezone

from runsdash.index.models import Connection
from runsdash.service import Backoff
from runsdash.sync.parallel_reads import in_background

LONGEST_PAUSE_S = 600.0
PATIENT_FOR = 3  # failures one after the other before workers keep still
LONGEST_REST_S = 60.0


def share_pause(connection_id: int, *, is_write: bool, seconds: float) -> None:
    """Writes the pause down soon. Callable from threads that must not touch the database."""
    until = timezone.now() + timedelta(seconds=min(seconds, LONGEST_PAUSE_S))
    column = "writes_paused_until" if is_write else "paused_until"
    shorter = Q(**{f"{column}__isnull": True}) | Q(**{f"{column}__lt": until})
    rows = Connection.objects.filter(shorter, pk=connection_id)
    in_background(lambda: rows.update(**{column: until}))


def teach(backoff: Backoff, connection: Connection) -> None:
    """Tells this process's clients what others have heard."""
    now = timezone.now()
    for until, is_write in ((connection.paused_until, False), (connection.writes_paused_until, True)):
        left_s = (until - now).total_seconds() if until else 0.0
        if left_s > backoff.wait_s(is_write=is_write) + 1:
            backoff.remember(is_write=is_write, retry_after_s=left_s)


def is_resting(connection: Connection) -> bool:
    return connection.rests_until is not None and connection.rests_until > timezone.now()


def note_worker_failure(connection: Connection, *, sent_at: datetime) -> None:
    """Counts a failure. After PATIENT_FOR of them workers rest, twice as long each time, up to a minute.

    Answers to what was sent before a rest began say nothing new and lengthen no rest.
    """
    is_news = Q(rests_until__isnull=True) | Q(rests_until__lte=sent_at)
    rows = Connection.objects.filter(is_news, pk=connection.pk)
    if not rows.update(failures=F("failures") + 1):
        return
    failures = Connection.objects.values_list("failures", flat=True).get(pk=connection.pk)
    if failures >= PATIENT_FOR:
        rest_s = min(LONGEST_REST_S, 2.0 ** min(failures - PATIENT_FOR, 6))
        rows.update(rests_until=timezone.now() + timedelta(seconds=rest_s))


def note_worker_success(connection: Connection) -> None:
    if connection.failures or connection.rests_until:
        Connection.objects.filter(pk=connection.pk).update(failures=0, rests_until=None)
        connection.failures, connection.rests_until = 0, None
