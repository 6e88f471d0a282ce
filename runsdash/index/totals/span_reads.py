"""Reads sums of a span and of the time before it: of whole days, of single hours, of hours with marks from the runs.

Days are those of the reader where they have sums of their own (totals/zone_days.py), else those of UTC.

So what is read is exact, though the worker may lag behind. Where more is marked than can be counted on the way,
`waiting_hours` says so, nothing of that span is read, and no figure of it may be shown. See totals/rollups.py.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from django.db import connection as database

from runsdash.index import run_states
from runsdash.index.models import DirtyHour
from runsdash.index.storage.column_types import SqlValue

from .histograms import Histogram, unpacked
from .hour_spans import DAY_HOURS, HOUR_KEYS, Span, day_starts, spans_of, zone_starts
from .sums import COUNTS, KEYS, OF_RUN, Fact, FactKey, RunValues, Sums, sums_of_runs
from .zone_days import made

FEW_LIVE_HOURS = 3  # hours with marks that are counted however many runs they have
MOST_LIVE_HOURS = 48  # these are counted while they have no more runs than
MOST_LIVE_RUNS = 2000
FIRST = attrgetter("first")
COLUMNS = ("connection_id", *KEYS)
Values = tuple[str | int, ...]  # of COLUMNS
Times = tuple[int, Values, Histogram, Histogram]  # bar, values, took, queued
# PostgreSQL would give the sums of whole numbers as decimal ones, which nothing can be added to that is not.
SUMMED = {name: f"SUM(s.{name})" if name == "cost" else f"CAST(SUM(s.{name}) AS BIGINT)" for name in COUNTS}


@dataclass(frozen=True)
class Narrowing:
    """Says which sums are wanted: `only` and `but` name values of COLUMNS that rows must, or must not, have."""

    only: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)
    but: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)

    @property
    def sql(self) -> tuple[str, list[str | int]]:
        """Returns conditions, each with AND before it, and their parameters. Names of columns are constants of ours."""
        text = ""
        params: list[str | int] = []
        for words, wanted in (("IN", self.only), ("NOT IN", self.but)):
            for column, values in wanted.items():
                if values:
                    text += f" AND {column} {words} ({placeholders(values)})"
                    params += values
                elif words == "IN":
                    text += " AND 1 = 0"
        return text, params


EVERYTHING = Narrowing()


@dataclass(frozen=True)
class SpanReads:
    """Says where the sums of one span come from: rows of days (by first hour), rows of hours, runs counted just now."""

    span: Span
    days: list[int]
    hours: list[int]
    live: Mapping[FactKey, Sums]
    waiting_hours: int = 0  # with marks, and too many to be counted: nothing is read
    narrowing: Narrowing = EVERYTHING

    def facts(self, *keys: str, bars: Sequence[Span] = ()) -> list[Fact]:
        """Reads facts told apart by `keys` of COLUMNS, the others empty; with `bars` by bar too. One statement.

        Days, hours and runs counted just now give facts of their own: whoever reads them adds them up.
        """
        found = [
            Fact._make((bar_of(bars, hour, self.span), *chosen((connection, *key), keys), *sums.counts))
            for (hour, connection, *key), sums in self.live.items()
        ]
        since = since_sql(bars) if bars else str(self.span.first)
        told = [f"s.{name}" if name in keys else "''" for name in COLUMNS]
        columns = ", ".join([since, *told, *SUMMED.values()])
        source, params = self.rows_sql(columns, bars, grouped=", ".join(["1", *(f"s.{name}" for name in keys)]))
        if source:
            with database.cursor() as cursor:
                cursor.execute(source, params)
                found += map(Fact._make, cursor.fetchall())
        return found

    def times(self, bars: Sequence[Span] = ()) -> Iterator[Times]:
        """Yields histograms of what completed runs took, and waited in the queue."""
        for (hour, connection, *key), sums in self.live.items():
            if sums.took or sums.queued:
                yield bar_of(bars, hour, self.span), (connection, *key), sums.took, sums.queued
        source, params = self.rows_sql(", ".join(["hour", *COLUMNS, "took", "queued"]), bars, is_of_completed=True)
        if not source:
            return
        with database.cursor() as cursor:
            cursor.execute(source, params)
            for hour, *key, took, queued in cursor.fetchall():
                yield bar_of(bars, hour, self.span), tuple(key), unpacked(took), unpacked(queued)

    def rows_sql(
        self, columns: str, bars: Sequence[Span], *, grouped: str = "", is_of_completed: bool = False
    ) -> tuple[str, list[str | int]]:
        """Returns a query for its rows `s`, "" for none; those of days, and those of hours, are `grouped`."""
        days, hours = self.within(bars) if bars else (self.days, self.hours)
        narrowed, values = self.narrowing.sql
        behind = " AND status = %s" if is_of_completed else ""
        behind += f" GROUP BY {grouped}" if grouped else ""
        parts: list[str] = []
        params: list[str | int] = []
        for starts, length in ((days, DAY_HOURS), (hours, 1)):
            if starts:  # named one by one: of several ranges neither engine makes seeks
                where = f"hours = %s AND hour IN ({placeholders(starts)}) AND runs > 0{narrowed}"
                parts.append(f"SELECT {columns} FROM index_runsums s WHERE {where}{behind}")
                params += [length, *starts, *values, *([run_states.COMPLETED] if is_of_completed else [])]
        return " UNION ALL ".join(parts), params

    def within(self, bars: Sequence[Span]) -> tuple[list[int], list[int]]:
        """Returns days and hours of which none has a part in two bars: a day with a bar's start is read by the hour."""
        starts = [bar.first for bar in bars]
        shared = {day for day in self.days if bisect_right(starts, day) < bisect_left(starts, day + DAY_HOURS)}
        return [day for day in self.days if day not in shared], sorted(hours_of(shared).union(self.hours))


def chosen(values: Sequence[str | int], keys: Sequence[str]) -> list[str | int]:
    """Returns values of COLUMNS, those of other columns than `keys` empty."""
    return [value if name in keys else "" for name, value in zip(COLUMNS, values, strict=True)]


def placeholders(values: Sequence[SqlValue]) -> str:
    return ", ".join(["%s"] * len(values))


def bar_of(bars: Sequence[Span], hour: int, span: Span) -> int:
    """Returns the first hour of the bar that an hour belongs to; without bars that of the span."""
    return bars[bisect_right(bars, hour, key=FIRST) - 1].first if bars else span.first


def since_sql(bars: Sequence[Span]) -> str:
    """Lets the database add up the hours of a day that lie in one bar: numbers of ours, no parameters.

    Days are counted from the first bar on, and anew from each bar before which clocks were set.
    """
    if all(bar.hours == 1 for bar in bars):
        return "s.hour"
    firsts = [bars[0].first]
    for bar in bars[1:]:
        if (bar.first - firsts[-1]) % DAY_HOURS:
            firsts.append(bar.first)
    days = [f"s.hour - (s.hour - {first}) %% {DAY_HOURS}" for first in firsts]
    cases = [f"WHEN s.hour < {end} THEN {day}" for day, end in zip(days, firsts[1:], strict=False)]
    return f"CASE {' '.join(cases)} ELSE {days[-1]} END" if cases else days[-1]


def reads_of(spans: Sequence[Span], narrowing: Narrowing = EVERYTHING) -> list[SpanReads]:
    """Chooses sources for spans that do not overlap: one statement, and one for each that has runs to be counted."""
    marked = marked_hours(spans, narrowing)
    own = made({start for one in spans for start in zone_starts(day_starts(Span(one.first, one.end + 1)))})
    return [read_of(span, {hour for hour in marked if span.first <= hour < span.end}, narrowing, own) for span in spans]


def read_of(span: Span, marked: set[int], narrowing: Narrowing, own: set[int]) -> SpanReads:
    """Chooses sources for one span. `own`: days of the reader that have sums."""
    live = sums_of_hours(marked, narrowing)
    if live is None:
        return SpanReads(span, [], [], {}, len(marked), narrowing)
    hours = set(range(span.first, span.end)) - marked
    days = set()
    for start in (*sorted(own), *range(span.first - span.first % DAY_HOURS, span.end, DAY_HOURS)):
        day = range(start, start + DAY_HOURS)
        if hours.issuperset(day):
            days.add(start)
            hours.difference_update(day)
    return SpanReads(span, sorted(days), sorted(hours), live, 0, narrowing)


def hours_of(days: Iterable[int]) -> set[int]:
    return {hour for day in days for hour in range(day, day + DAY_HOURS)}


def sums_of_hours(marked: set[int], narrowing: Narrowing) -> dict[FactKey, Sums] | None:
    """Counts the runs of hours with marks; None where that may take long."""
    if len(marked) <= FEW_LIVE_HOURS:
        return sums_of_runs(runs_of(marked, narrowing))
    if len(marked) > MOST_LIVE_HOURS:
        return None
    runs = runs_of(marked, narrowing, limit=MOST_LIVE_RUNS + 1)
    return sums_of_runs(runs) if len(runs) <= MOST_LIVE_RUNS else None


def runs_of(hours: set[int], narrowing: Narrowing, *, limit: int | None = None) -> list[RunValues]:
    """Reads the runs of some hours, as `sums_of_runs` takes them."""
    if not hours:
        return []
    narrowed, values = narrowing.sql
    spans = spans_of(hours)
    where = " OR ".join(["id >= %s AND id < %s"] * len(spans))
    keys = [key for span in spans for key in (span.first * HOUR_KEYS, span.end * HOUR_KEYS)]
    most = "" if limit is None else f" LIMIT {limit}"
    with database.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(OF_RUN)} FROM index_run WHERE ({where}){narrowed}{most}", [*keys, *values])
        runs: list[RunValues] = cursor.fetchall()
        return runs


def marked_hours(spans: Sequence[Span], narrowing: Narrowing) -> set[int]:
    first, end = min(span.first for span in spans), max(span.end for span in spans)
    marks = DirtyHour.objects.filter(hour__gte=first, hour__lt=end)
    if "connection_id" in narrowing.only:
        marks = marks.filter(connection_id__in=narrowing.only["connection_id"])
    hours = set(marks.values_list("hour", flat=True))
    return {hour for hour in hours if any(span.first <= hour < span.end for span in spans)}


def version() -> tuple[int, int]:
    """Returns what changes whenever sums may have changed. Two looks at the end of an index, in one statement."""
    with database.cursor() as cursor:
        cursor.execute("SELECT (SELECT MAX(id) FROM index_runsums), (SELECT MAX(id) FROM index_dirtyhour)")
        rolled, marked = cursor.fetchone()
    return rolled or 0, marked or 0
