"""Keeps the sums by hour and day exact: marks hours when their runs change, and sums marked hours again.

A mark is written in the transaction that changes the runs. Whoever makes an hour anew deletes its marks first, in the
transaction that writes the sums: a change committed meanwhile has left a mark of its own and the hour is made again.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator

from django.db import connection as database
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from runsdash.index import run_states
from runsdash.index.models import AssistantSums, DirtyHour, Histogram, Run, RunSums
from runsdash.index.models.rollups import Rollup

from .histogram_buckets import bucket_of
from .hour_spans import DAY_HOURS, HOUR_KEYS, Span, hour_of_key

Row = dict[str, object]
# What makes rows of one hour different, and what they count.
KEYS: dict[type[Rollup], tuple[str, ...]] = {
    RunSums: ("model", "status", "error_code"),
    AssistantSums: ("assistant_id",),
    Histogram: ("measure", "bucket"),
}
COUNTS: dict[type[Rollup], tuple[str, ...]] = {
    RunSums: ("runs", "prompt_tokens", "completion_tokens", "total_tokens", "cost", "unpriced_runs"),
    AssistantSums: ("runs", "total_tokens", "cost", "unpriced_runs"),
    Histogram: ("runs",),
}
MEASURES = ("queue_s", "duration_s")
# A change of anything else leaves the sums as they are.
SUMMED = (
    "assistant_id", "model", "status", "error_code", "prompt_tokens", "completion_tokens", "total_tokens", "cost",
    *MEASURES,
)  # fmt: skip
ROLLED_AT_ONCE, ROLL_UP_S = 500, 0.25
FEW_HOURS = 3
LOCK = 0x52756E  # of PostgreSQL, with the connection's key: one process at a time makes sums of a connection
IS_UNPRICED = Q(total_tokens__isnull=False, cost__isnull=True)


# Marks


def summed(run: Run) -> tuple:
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
        # A mark that a writer holds is left: it will be there again when that writer is done.
        marks = DirtyHour.objects.filter(connection_id=connection_id, hour=hour).select_for_update(skip_locked=True)
        keys = list(marks.values_list("pk", flat=True))
        if not keys:
            return False
        DirtyHour.objects.filter(pk__in=keys).delete()
        for table, rows in hour_rows(connection_id, hour).items():
            replace(table, rows, connection_id=connection_id, hour=hour, hours=1)
        day = hour // DAY_HOURS * DAY_HOURS
        for table in KEYS:
            replace(table, day_rows(table, connection_id, day), connection_id=connection_id, hour=day, hours=DAY_HOURS)
    return True


def replace(table: type[Rollup], rows: Iterable[Row], **place: int) -> None:
    table.objects.filter(**place).delete()
    table.objects.bulk_create([table(**place, **row) for row in rows], batch_size=200)


def hour_rows(connection_id: int, hour: int) -> dict[type[Rollup], list[Row]]:
    runs = Run.objects.filter(connection_id=connection_id, **Span(hour, hour + 1).keys)
    found = {table: [without_hour(row) for row in live_rows(table, runs)] for table in KEYS}
    # An hour that lost all its runs keeps one row of zeros: a new key says that something changed.
    found[RunSums] = found[RunSums] or [dict.fromkeys(KEYS[RunSums], "") | dict.fromkeys(COUNTS[RunSums], 0)]
    return found


def without_hour(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "hour"}


def day_rows(table: type[Rollup], connection_id: int, day: int) -> list[Row]:
    hours = table.objects.filter(connection_id=connection_id, hours=1, hour__gte=day, hour__lt=day + DAY_HOURS)
    return list(summed_rows(hours, KEYS[table], COUNTS[table]))


def summed_rows(rolled: QuerySet[Rollup], keys: tuple[str, ...], counts: tuple[str, ...]) -> Iterator[Row]:
    """Adds up rows of a rollup table by `keys`."""
    sums, names = {f"sum_{name}": Sum(name) for name in counts}, (*keys, *counts)
    for row in rolled.order_by().values(*keys).annotate(**sums).values_list(*keys, *sums):
        yield dict(zip(names, row, strict=True))


# Counting runs themselves


def live_rows(table: type[Rollup], runs: QuerySet[Run]) -> list[Row]:
    """Counts now what `table` holds of these runs: rows with `hour`, its keys and its counts."""
    runs = runs.order_by().annotate(hour=F("pk") / HOUR_KEYS)
    if table is Histogram:
        return [row for measure in MEASURES for row in bucket_rows(runs, measure)]
    keys = ("hour", *KEYS[table])
    return [
        {name.removeprefix("sum_"): value for name, value in row.items()}
        for row in runs.values(*keys).annotate(**{f"sum_{name}": COUNTED[name] for name in COUNTS[table]})
    ]


COUNTED = {
    "runs": Count("pk"),
    "unpriced_runs": Count("pk", filter=IS_UNPRICED),
    "cost": Coalesce(Sum("cost"), 0.0),
    **{name: Coalesce(Sum(name), 0) for name in ("prompt_tokens", "completion_tokens", "total_tokens")},
}


def bucket_rows(runs: QuerySet[Run], measure: str) -> list[Row]:
    """Counts completed runs that say how long it took."""
    found: Counter[tuple[int, int]] = Counter()
    ended = runs.filter(status=run_states.COMPLETED, **{f"{measure}__isnull": False})
    for hour, seconds, count in ended.values_list("hour", measure).annotate(n=Count("pk")):
        found[hour, bucket_of(seconds)] += count
    return [
        {"hour": hour, "measure": measure, "bucket": bucket, "runs": runs} for (hour, bucket), runs in found.items()
    ]
