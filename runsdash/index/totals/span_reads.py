"""Reads sums of a span: of whole days, of single hours, and of hours with marks from the runs themselves.

So what is read is exact, though the worker may lag behind. Only when more is marked than can be counted now are hours
made anew here, for a bounded time; `waiting_hours` says what is then left. See totals/rollups.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db.models import F, Max
from django.db.models.expressions import Combinable

from runsdash.index.models import DirtyHour, Run, RunSums
from runsdash.index.models.rollups import Rollup

from .hour_spans import DAY_HOURS, Span, spans_of
from .rollups import COUNTS, Row, live_rows, roll_up, summed_rows

COUNTED_AT_ONCE = 48  # hours with marks that are counted live
MANY_MARKS = 1000
ROLL_UP_S = 0.2


@dataclass(frozen=True)
class Sources:
    """Says where the sums of a span come from: rows of days (by first hour), rows of hours, runs to be counted."""

    connection_id: int | None
    days: list[int]
    hours: list[int]
    live: list[Span]
    waiting_hours: int = 0  # read from hour rows though they are marked: still to be counted
    by_hour: bool = False
    counted: dict[type[Rollup], list[Row]] = field(default_factory=dict)  # what was counted live so far

    def rows(self, table: type[Rollup], *keys: str, counts: tuple[str, ...] = (), **only: list[str]) -> Iterator[Row]:
        """Yields rows with `keys` of the table, `since`, and all counts or only `counts`. A key may come several times.

        `since` is an hour from which on the row counts, within its hour or, without `by_hour`, within its day.
        `only`: values that keys must have, in a row with that key. Fewer keys are fewer rows and less time.
        """
        for starts, hours in ((self.days, DAY_HOURS), (self.hours, 1)):
            if starts:  # named one by one: of several ranges neither engine makes seeks
                there = table.objects.filter(hours=hours, hour__in=starts, runs__gt=0, **self.of_connection)
                there = there.filter(**{f"{key}__in": values for key, values in only.items()})
                yield from summed_rows(there.annotate(since=self.since), keys, counts or COUNTS[table])
        for row in self.live_rows(table):
            if all(row[key] in values for key, values in only.items()):
                yield row

    def live_rows(self, table: type[Rollup]) -> list[Row]:
        """Counts hours with marks, with all keys, once."""
        if table not in self.counted:
            spans = [Run.objects.filter(**span.keys, **self.of_connection) for span in self.live]
            self.counted[table] = [row | {"since": row["hour"]} for runs in spans for row in live_rows(table, runs)]
        return self.counted[table]

    @property
    def since(self) -> Combinable:
        """Lets the database add up the hours of a day that has no row of its own: few rows are wanted."""
        return F("hour") + 0 if self.by_hour else F("hour") - F("hour") % DAY_HOURS

    @property
    def of_connection(self) -> dict[str, int]:
        return {} if self.connection_id is None else {"connection_id": self.connection_id}


def sources(span: Span, *, connection_id: int | None, by_hour: bool = False, roll_up_s: float = ROLL_UP_S) -> Sources:
    """Chooses sources. `by_hour`: no day rows, each row has its hour. `roll_up_s`: how long sums may be made anew."""
    marks = marked_hours(span, connection_id)
    if len(marks) > MANY_MARKS or len(set(marks)) > COUNTED_AT_ONCE:
        roll_up(span=span, within_s=roll_up_s)
        marks = marked_hours(span, connection_id)
    marked = set(marks)
    live = marked if len(marked) <= COUNTED_AT_ONCE else set()
    days = set() if by_hour else clean_days(span, live)
    hours = {hour for hour in range(span.first, span.end) if hour - hour % DAY_HOURS not in days} - live
    waiting_hours = len(marked) - len(live)
    return Sources(connection_id, sorted(days), sorted(hours), spans_of(live), waiting_hours, by_hour)


def marked_hours(span: Span, connection_id: int | None) -> list[int]:
    """Lists the hours that are marked, one for each mark."""
    marks = DirtyHour.objects.filter(hour__gte=span.first, hour__lt=span.end)
    if connection_id is not None:
        marks = marks.filter(connection_id=connection_id)
    return list(marks.values_list("hour", flat=True))


def clean_days(span: Span, marked: set[int]) -> set[int]:
    whole, marked_days = span.whole_days(), {hour - hour % DAY_HOURS for hour in marked}
    return set(range(whole.first, whole.end, DAY_HOURS)) - marked_days


def version() -> tuple[int, int]:
    """Returns what changes whenever sums may have changed. Two looks at the end of an index."""
    rolled, marked = RunSums.objects.aggregate(n=Max("pk"))["n"], DirtyHour.objects.aggregate(n=Max("pk"))["n"]
    return rolled or 0, marked or 0
