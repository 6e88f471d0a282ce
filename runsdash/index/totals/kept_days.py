"""Adds up a span of few days from days that the process keeps, and from hours that are read once.

Rows of sums are never changed: whoever makes a day anew, in whatever process, puts rows with higher keys in their
place. So a day is as it was read while the last key of each connection is the same, and another range reads its ends
alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from operator import itemgetter

from django.db import connection as database
from django.db.models import Max

from runsdash import row_access
from runsdash.index.models import RunSums

from .histograms import Histogram, unpacked
from .hour_spans import DAY_HOURS, Span
from .span_reads import COLUMNS, SpanReads, Times, Values, bar_of
from .sums import COUNTS, Fact

MOST_DAYS, MOST_HOURS = 70, 3 * DAY_HOURS  # longer spans are added up by the database
MOST_ROWS = 60_000  # of a process: some 30 MB
SPANS_KEPT = 16
READ = ", ".join(["hour", *COLUMNS, *COUNTS, "took", "queued"])
Keys = tuple[str, ...]  # some of COLUMNS
LastKeys = tuple[tuple[int, int], ...]  # each connection with the last key of its rows
DayName = tuple[str, str, int]  # what is seen, what is wanted, and the day's first hour


@dataclass(eq=False)
class PartSums:
    """Holds the sums of a day, or of some hours of a bar. `since`: the first hour of the day, or of the bar."""

    since: int
    last_keys: LastKeys = ()
    rows: list[Fact] = field(default_factory=list)
    times: list[tuple[Values, Histogram, Histogram]] = field(default_factory=list)
    _facts: dict[Keys, list[Fact]] = field(default_factory=dict)

    def facts(self, keys: Keys) -> list[Fact]:
        """Tells its facts apart by some of COLUMNS, once for all who ask."""
        if keys not in self._facts:
            self._facts[keys] = told_apart(self.rows if keys == COLUMNS else self.facts(COLUMNS), keys, self.since)
        return self._facts[keys]


_kept: dict[DayName, PartSums] = {}


def told_apart(facts: Iterable[Fact], keys: Keys, since: int) -> list[Fact]:
    """Adds facts up by some of COLUMNS, the others empty. Written out: a month has thousands."""
    values_of = itemgetter(*(Fact._fields.index(name) if name in keys else -1 for name in COLUMNS))
    found: dict[Values, list[float]] = {}
    for fact in facts:
        values = values_of((*fact, ""))
        _, _, _, _, _, _, *counts = fact
        there = found.get(values)
        if there is None:
            found[values] = counts
            continue
        there[0] += counts[0]
        there[1] += counts[1]
        there[2] += counts[2]
        there[3] += counts[3]
        there[4] += counts[4]
        there[5] += counts[5]
    return [Fact._make((since, *values, *counts)) for values, counts in found.items()]


@lru_cache(maxsize=SPANS_KEPT)
def facts_of_days(days: tuple[PartSums, ...], keys: Keys) -> list[Fact]:
    """Adds days up, once while they are the same."""
    return told_apart((fact for day in days for fact in day.facts(keys)), keys, days[0].since if days else 0)


def quick(read: SpanReads, bars: Sequence[Span] = ()) -> "SpanReads | KeptReads":
    """Returns a quicker way to the same facts, where the span is short enough. `bars`: what they are told apart by."""
    days, hours = read.within(bars) if bars else (read.days, read.hours)
    is_short = len(days) <= MOST_DAYS and len(hours) <= MOST_HOURS
    return KeptReads(replace(read, days=days, hours=hours), bars) if is_short else read


@dataclass(frozen=True)
class KeptReads:
    """Gives facts of one span, as `span_reads.SpanReads` does; by bars only of those that it was made with."""

    read: SpanReads
    bars: Sequence[Span]

    @property
    def waiting_hours(self) -> int:
        return self.read.waiting_hours

    def facts(self, *keys: str, bars: Sequence[Span] = ()) -> list[Fact]:
        days, beside = self.parts
        found = [fact for day in days for fact in day.facts(keys)] if bars else facts_of_days(days, keys)
        return [*found, *(fact for part in beside for fact in part.facts(keys))]

    def times(self, bars: Sequence[Span] = ()) -> Iterator[Times]:
        for parts in self.parts:
            for part in parts:
                bar = bar_of(bars, part.since, self.read.span)
                yield from ((bar, *one) for one in part.times)

    @cached_property
    def parts(self) -> tuple[tuple[PartSums, ...], tuple[PartSums, ...]]:
        """Returns whole days, and what lies beside them in each bar."""
        days, fresh = days_of(self.read)
        beside: dict[int, PartSums] = {}

        def part_at(hour: int) -> PartSums:
            bar = bar_of(self.bars, hour, self.read.span)
            return beside.setdefault(bar, PartSums(bar))

        for key, sums in self.read.live.items():
            part, values = part_at(key[0]), key[1:]
            part.rows.append(Fact._make((part.since, *values, *sums.counts)))
            if sums.took or sums.queued:
                part.times.append((values, sums.took, sums.queued))
        of_days = {part.since: part for part in fresh.values()}
        fill(of_days | {hour: part_at(hour) for hour in self.read.hours}, replace(self.read, days=[*of_days]))
        keep(fresh)
        return tuple(days), tuple(beside.values())


def days_of(read: SpanReads) -> tuple[list[PartSums], dict[DayName, PartSums]]:
    """Returns the days of a span, and those of them that are to be read."""
    days, fresh = [], {}
    last_keys = last_keys_of(read.days)
    for day in read.days:
        name = row_access.mark(), repr(read.narrowing), day
        part = _kept.get(name)
        if part is None or part.last_keys != last_keys[day]:
            part = fresh[name] = PartSums(day, last_keys[day])
        days.append(part)
    return days, fresh


def last_keys_of(days: Sequence[int]) -> dict[int, LastKeys]:
    """Returns what changes whenever a day is made anew, or loses a connection."""
    found: dict[int, LastKeys] = dict.fromkeys(days, ())
    rows = RunSums.objects.filter(hours=DAY_HOURS, hour__in=days).order_by("hour", "connection_id")
    for day, connection_id, last in rows.values_list("hour", "connection_id").annotate(Max("pk")):
        found[day] += ((connection_id, last),)
    return found


def fill(parts: Mapping[int, PartSums], read: SpanReads) -> None:
    """Reads days and hours into their parts, by one statement."""
    source, params = read.rows_sql(READ, ())
    if not source:
        return
    with database.cursor() as cursor:
        cursor.execute(source, params)
        for hour, *row, took, queued in cursor.fetchall():
            part = parts[hour]
            part.rows.append(Fact._make((part.since, *row)))
            if took or queued:
                part.times.append((tuple(row[: len(COLUMNS)]), unpacked(took), unpacked(queued)))


def keep(fresh: Mapping[DayName, PartSums]) -> None:
    _kept.update(fresh)
    if sum(len(part.rows) for part in list(_kept.values())) > MOST_ROWS:
        _kept.clear()
