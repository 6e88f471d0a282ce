"""Keeps the sums by hour and day exact: marks hours when their runs change, and sums marked hours again.

A mark is written in the transaction that changes the runs. Whoever makes an hour anew deletes its marks first, in the
transaction that writes the sums: a change committed meanwhile has left a mark of its own and the hour is made again.
"""

import time
from collections.abc import Iterable, Mapping

from django.db import connection as database
from django.db import transaction

from runsdash.index.models import DirtyHour, Run, RunSums
from runsdash.index.storage.column_types import ColumnValue

from .histograms import packed, unpacked
from .hour_spans import DAY_HOURS, Span, hour_of_key
from .sums import COUNTS, KEYS, OF_RUN, Sums, sums_of_runs

MEASURES = ("queue_s", "duration_s")
# A change of anything else leaves the sums as they are, and what is counted by metadata (totals/run_counts.py).
SUMMED = (*KEYS, "prompt_tokens", "completion_tokens", "total_tokens", "cost", *MEASURES, "metadata")
ROLLED_AT_ONCE, ROLL_UP_S = 500, 0.25
FEW_HOURS = 3
LOCK = 0x52756E  # of PostgreSQL, with the connection's key: one process at a time makes sums of a connection
DAYS_LOCK = LOCK + 1  # nobody makes days of a zone (totals/zone_days.py) while an hour is made
RowKey = tuple[str, ...]  # the values of KEYS


# Marks


def summed(run: Run) -> tuple[ColumnValue, ...]:
    """Returns what the sums see of a run. The same before and after a change: no mark is needed."""
    return tuple(getattr(run, name) for name in SUMMED)


def mark_dirty(connection_id: int, run_ids: Iterable[int]) -> None:
    """Marks the hours of runs that were added, changed or deleted. Call it in the transaction that does so.

    A few hours get a new mark each, whose key says to pages that there is news; many only where they have none.
    """
    hours = {hour_of_key(pk) for pk in run_ids}
    if len(hours) > FEW_HOURS:
        hours -= marked_hours(connection_id, hours)
    DirtyHour.objects.bulk_create([DirtyHour(connection_id=connection_id, hour=hour) for hour in sorted(hours)])


def marked_hours(connection_id: int, hours: set[int]) -> set[int]:
    """Finds hours with a mark that stays until the current transaction ends."""
    there = DirtyHour.objects.filter(connection_id=connection_id, hour__in=hours).values_list("hour", flat=True)
    if database.vendor != "postgresql":
        return set(there)  # one writer at a time
    sql, values = there.query.sql_with_params()
    with database.cursor() as cursor:
        cursor.execute(f"{sql} FOR KEY SHARE", values)
        return {hour for (hour,) in cursor.fetchall()}


# Making sums anew


def roll_up(*, limit: int = ROLLED_AT_ONCE, within_s: float = ROLL_UP_S, span: Span | None = None) -> int:
    """Sums marked hours again, newest first, as many as fit into `within_s`; returns how many that were."""
    marks = DirtyHour.objects.order_by("-hour", "connection_id").values_list("hour", "connection_id").distinct()
    if span is not None:
        marks = marks.filter(hour__gte=span.first, hour__lt=span.end)
    deadline = time.monotonic() + within_s
    done = 0
    for hour, connection_id in list(marks[:limit]):
        if time.monotonic() >= deadline:
            break
        done += roll_up_hour(connection_id, hour)
    return done


def roll_up_hour(connection_id: int, hour: int) -> bool:
    """Makes one hour anew in a short transaction. False when another process has just done it."""
    with transaction.atomic():
        if database.vendor == "postgresql":
            with database.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, connection_id])
                cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, 0)", [DAYS_LOCK])
        # A mark that a writer holds is left: it will be there again when that writer is done.
        marks = DirtyHour.objects.filter(connection_id=connection_id, hour=hour).select_for_update(skip_locked=True)
        keys = list(marks.values_list("pk", flat=True))
        if not keys:
            return False
        DirtyHour.objects.filter(pk__in=keys).delete()
        replace(hour_sums(connection_id, hour), connection_id=connection_id, hour=hour, hours=1)
        day = hour // DAY_HOURS * DAY_HOURS
        replace(day_sums(connection_id, day), connection_id=connection_id, hour=day, hours=DAY_HOURS)
        forget_days(hour, but=day)
    return True


def forget_days(hour: int, *, but: int) -> None:
    """Deletes sums of the days of zones that hold an hour."""
    days = RunSums.objects.filter(hours=DAY_HOURS, hour__gt=hour - DAY_HOURS, hour__lte=hour).exclude(hour=but)
    # In one order, so that two processes that do so wait for each other, at most.
    keys = list(days.order_by("pk").select_for_update().values_list("pk", flat=True))
    RunSums.objects.filter(pk__in=keys).delete()


def replace(sums: Mapping[RowKey, Sums], **place: int) -> None:
    RunSums.objects.filter(**place).delete()
    RunSums.objects.bulk_create([row_of(key, one, place) for key, one in sums.items()], batch_size=200)


def row_of(key: RowKey, sums: Sums, place: dict[str, int]) -> RunSums:
    counts = {name: getattr(sums, name) for name in COUNTS}
    times = {"took": packed(sums.took), "queued": packed(sums.queued)}
    return RunSums(**place, **dict(zip(KEYS, key, strict=True)), **counts, **times)


def hour_sums(connection_id: int, hour: int) -> dict[RowKey, Sums]:
    runs = Run.objects.filter(connection_id=connection_id, **Span(hour, hour + 1).keys).order_by()
    found: dict[RowKey, Sums] = {key[2:]: sums for key, sums in sums_of_runs(runs.values_list(*OF_RUN)).items()}
    # An hour that lost all its runs keeps one row of zeros: a new key says that something changed.
    return found or {("",) * len(KEYS): Sums()}


def day_sums(connection_id: int, day: int) -> dict[RowKey, Sums]:
    hours = RunSums.objects.filter(connection_id=connection_id, hours=1, hour__gte=day, hour__lt=day + DAY_HOURS)
    found: dict[RowKey, Sums] = {}
    for *values, took, queued in hours.values_list(*KEYS, *COUNTS, "took", "queued"):
        key, counts = tuple(values[: len(KEYS)]), values[len(KEYS) :]
        sums = found.setdefault(key, Sums())
        for name, count in zip(COUNTS, counts, strict=True):
            setattr(sums, name, getattr(sums, name) + count)
        sums.took += unpacked(took)
        sums.queued += unpacked(queued)
    return found
