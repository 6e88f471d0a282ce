"""Keeps sums of days in the time zones of readers, beside those of UTC days: a month is made of days for everybody.

The worker makes those of days that are over, of all connections at once. Whoever makes an hour anew deletes the days
that hold it, and the worker makes them again; until then they are read by the hour.
"""

import time
from collections.abc import Iterable

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from runsdash.accounts.models import User
from runsdash.index.models import RunSums
from runsdash.index.reader_days import zone_named

from .hour_spans import DAY_HOURS, Span, day_starts, hour_of, zone_starts
from .rollups import DAYS_LOCK, day_sums, replace

DAYS = 62  # a month, and the month before it
MAKE_S = 0.25
NONE_MADE = f"NOT EXISTS (SELECT 1 FROM index_runsums s WHERE s.hours = {DAY_HOURS} AND s.hour = day.hour)"
HAS_HOURS = (
    "EXISTS (SELECT 1 FROM index_runsums s"
    f" WHERE s.hours = 1 AND s.hour >= day.hour AND s.hour < day.hour + {DAY_HOURS})"
)


def make_zone_days(*, within_s: float = MAKE_S) -> int:
    """Makes sums of days that have none, newest first, as many as fit into `within_s`; returns how many that were."""
    deadline = time.monotonic() + within_s
    done = 0
    for start in unmade(starts_of_readers(hour_of(timezone.now()))):
        if time.monotonic() >= deadline:
            break
        make_day(start)
        done += 1
    return done


def starts_of_readers(now_hour: int) -> set[int]:
    """Returns the first hours of the last days that are over, in each zone of a user."""
    names = User.objects.filter(is_active=True).order_by().values_list("time_zone", flat=True).distinct()
    found: set[int] = set()
    for name in names:
        with timezone.override(zone_named(name)):
            found |= zone_starts(day_starts(Span(now_hour - DAYS * DAY_HOURS, now_hour + 1)))
    return found


def unmade(starts: Iterable[int]) -> list[int]:
    """Returns days that have sums of hours and none of their own, newest first."""
    return sorted(chosen(starts, f"{NONE_MADE} AND {HAS_HOURS}"), reverse=True)


def made(starts: Iterable[int]) -> set[int]:
    """Returns days that have sums of their own."""
    return chosen(starts, f"NOT {NONE_MADE}")


def chosen(starts: Iterable[int], condition: str) -> set[int]:
    values = list(starts)
    if not values:
        return set()
    days = ", ".join(["(%s)"] * len(values))
    with database.cursor() as cursor:
        cursor.execute(f"WITH day(hour) AS (VALUES {days}) SELECT day.hour FROM day WHERE {condition}", values)
        return {hour for (hour,) in cursor.fetchall()}


def make_day(start: int) -> None:
    """Makes one day anew in a short transaction."""
    hours = RunSums.objects.filter(hours=1, hour__gte=start, hour__lt=start + DAY_HOURS)
    with transaction.atomic():
        if database.vendor == "postgresql":
            with database.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [DAYS_LOCK])
        for connection_id in hours.order_by().values_list("connection_id", flat=True).distinct():
            replace(day_sums(connection_id, start), connection_id=connection_id, hour=start, hours=DAY_HOURS)
