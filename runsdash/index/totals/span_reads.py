"""Reads sums of a span: of whole days, of single hours, and of hours with marks from the runs themselves.

So what is read is exact, though the worker may lag behind. Only when more is marked than can be counted now are hours
made anew here, for a bounded time; `waiting_hours` says what is then left. See totals/rollups.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from django.db.models import Case, F, Max, When
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
    bars: Sequence[Span] = ()  # what rows with `since` are told apart by
    counted: dict[type[Rollup], list[Row]] = field(default_factory=dict)  # what was counted live so far

    def rows(self, table: type[Rollup], *keys: str, counts: tuple[str, ...] = (), **only: list[str]) -> Iterator[Row]:
        """Yields rows with `keys` of the table and all counts or only `counts`. A key may come several times.

        `since` as a key is an hour of the bar that the row counts in. `only`: values that keys must have, in a row with
        that key. Fewer keys are fewer rows and less time.
        """
        days, hours = self.within_bars if "since" in keys else (self.days, self.hours)
        for starts, length in ((days, DAY_HOURS), (hours, 1)):
            if starts:  # named one by one: of several ranges neither engine makes seeks
                there = table.objects.filter(hours=length, hour__in=starts, runs__gt=0, **self.of_connection)
                there = there.filter(**{f"{key}__in": values for key, values in only.items()})
                there = there.annotate(since=self.since) if "since" in keys else there
                yield from summed_rows(there, keys, counts or COUNTS[table])
        for row in self.live_rows(table):
            if all(row[key] in values for key, values in only.items()):
                yield row

    @cached_property
    def within_bars(self) -> tuple[list[int], list[int]]:
        """Returns days and hours of which none has a part in two bars: a day with a bar's start is read by the hour."""
        shared = {bar.first - bar.first % DAY_HOURS for bar in self.bars if bar.first % DAY_HOURS}.intersection(
            self.days
        )
        hours = {hour for day in shared for hour in range(day, day + DAY_HOURS)}
        return [day for day in self.days if day not in shared], sorted(hours.union(self.hours))

    def live_rows(self, table: type[Rollup]) -> list[Row]:
        """Counts hours with marks, with all keys, once."""
        if table not in self.counted:
            spans = [Run.objects.filter(**span.keys, **self.of_connection) for span in self.live]
            self.counted[table] = [row | {"since": row["hour"]} for runs in spans for row in live_rows(table, runs)]
        return self.counted[table]

    @property
    def since(self) -> Combinable:
        """Lets the database add up the hours of a day that has no row of its own: few rows are wanted.

        Days are counted from the first bar on, and anew from each bar before which clocks were set.
        """
        if all(bar.hours == 1 for bar in self.bars):
            return F("hour") + 0
        firsts = [self.bars[0].first]
        firsts += [bar.first for bar in self.bars[1:] if (bar.first - firsts[-1]) % DAY_HOURS]
        days = [F("hour") - (F("hour") - first) % DAY_HOURS for first in firsts]
        cases = [When(hour__lt=end, then=day) for day, end in zip(days, firsts[1:], strict=False)]
        return Case(*cases, default=days[-1]) if cases else days[-1]

    @property
    def of_connection(self) -> dict[str, int]:
        return {} if self.connection_id is None else {"connection_id": self.connection_id}


def sources(
    span: Span, *, connection_id: int | None, bars: Sequence[Span] = (), roll_up_s: float = ROLL_UP_S
) -> Sources:
    """Chooses sources. `bars`: what rows are told apart by. `roll_up_s`: how long sums may be made anew."""
    marks = marked_hours(span, connection_id)
    if len(marks) > MANY_MARKS or len(set(marks)) > COUNTED_AT_ONCE:
        roll_up(span=span, within_s=roll_up_s)
        marks = marked_hours(span, connection_id)
    marked = set(marks)
    live = marked if len(marked) <= COUNTED_AT_ONCE else set()
    days = clean_days(span, live)
    hours = {hour for hour in range(span.first, span.end) if hour - hour % DAY_HOURS not in days} - live
    waiting_hours = len(marked) - len(live)
    return Sources(connection_id, sorted(days), sorted(hours), spans_of(live), waiting_hours, bars)


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
