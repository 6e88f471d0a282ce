"""Adds up a span of few days and hours from those that the process keeps.

Rows of sums are never changed: whoever makes an hour and its day anew, in whatever process, puts rows with other keys
in the place of all that the connection has there. So a day is as it was read while one row of each connection has the
same key, and the next range reads only what it does not share, and what was made anew.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from operator import itemgetter

from django.db import connection as database

from runsdash import row_access

from .histograms import EMPTY, Histogram, unpacked
from .hour_spans import DAY_HOURS, Span
from .span_reads import COLUMNS, SpanReads, Times, Values, bar_of
from .sums import COUNTS, KEYS, Fact

MOST_DAYS, MOST_HOURS = 70, 3 * DAY_HOURS  # longer spans are added up by the database
MOST_ROWS = 40_000  # of a process: some 30 MB
MERGED_KEPT = 32
READ = f"hour, {', '.join((*COLUMNS, *COUNTS))}, took, queued"
ONE_ROW_OF_EACH = (
    "WITH part(hours, hour) AS (VALUES {}) SELECT part.hour, c.id, (SELECT s.id FROM index_runsums s"
    " WHERE s.hours = part.hours AND s.hour = part.hour AND s.connection_id = c.id"
    f" ORDER BY {', '.join(f's.{name}' for name in KEYS)} LIMIT 1) FROM part CROSS JOIN index_connection c"
)
Keys = tuple[str, ...]  # some of COLUMNS
RowKeys = tuple[tuple[int, int | None], ...]  # each connection with the key of one of its rows, if it has any
PartName = tuple[str, str, int, int]  # what is seen, what is wanted, how many hours, and the first of them
VALUES = slice(1, 1 + len(COLUMNS))  # of a row


@dataclass(eq=False)
class PartSums:
    """Holds the sums of a day, an hour, or some hours of a bar. `since`: its first hour, or that of the bar."""

    since: int
    row_keys: RowKeys = ()
    rows: list[Fact] = field(default_factory=list)
    times: list[tuple[Values, Histogram, Histogram]] = field(default_factory=list)
    _facts: dict[Keys, list[Fact]] = field(default_factory=dict)

    def facts(self, keys: Keys) -> list[Fact]:
        """Tells its facts apart by some of COLUMNS, once for all who ask."""
        if keys == COLUMNS:
            return self.rows
        if keys not in self._facts:
            self._facts[keys] = told_apart(self.rows, keys, self.since)
        return self._facts[keys]


_kept: dict[PartName, PartSums] = {}


def told_apart(facts: Iterable[Fact], keys: Keys, since: int) -> list[Fact]:
    """Adds facts up by some of COLUMNS, the others empty. Written out: a month has thousands."""
    values_of = itemgetter(*(Fact._fields.index(name) if name in keys else -1 for name in COLUMNS))
    is_finest = keys == COLUMNS
    found: dict[Values, list[float]] = {}
    for fact in facts:
        _, connection_id, assistant, model, status, code, runs, prompt, completion, total, cost, unpriced = fact
        values = (connection_id, assistant, model, status, code) if is_finest else values_of((*fact, ""))
        there = found.get(values)
        if there is None:
            found[values] = [runs, prompt, completion, total, cost, unpriced]
            continue
        there[0] += runs
        there[1] += prompt
        there[2] += completion
        there[3] += total
        there[4] += cost
        there[5] += unpriced
    return [Fact._make((since, *values, *counts)) for values, counts in found.items()]


@lru_cache(maxsize=MERGED_KEPT)
def merged(parts: tuple[PartSums, ...], since: int) -> PartSums:
    """Adds parts up, once while they are the same."""
    times: dict[Values, tuple[Histogram, Histogram]] = {}
    for part in parts:
        for values, took, queued in part.times:
            before = times.get(values, (EMPTY, EMPTY))
            times[values] = before[0] + took, before[1] + queued
    rows = told_apart(itertools.chain.from_iterable(part.rows for part in parts), COLUMNS, since)
    return PartSums(since, rows=rows, times=[(values, *both) for values, both in times.items()])


def kept_reads(read: SpanReads, bars: Sequence[Span] = ()) -> "SpanReads | KeptReads":
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
        whole = days if bars else (merged(days, min(self.read.days, default=0)),)
        return [fact for part in (*whole, *beside) for fact in part.facts(keys)]

    def times(self, bars: Sequence[Span] = ()) -> Iterator[Times]:
        for part in itertools.chain(*self.parts):
            bar = bar_of(bars, part.since, self.read.span)
            yield from [(bar, *one) for one in part.times]

    @cached_property
    def parts(self) -> tuple[tuple[PartSums, ...], tuple[PartSums, ...]]:
        """Returns whole days, and what lies beside them in each bar."""
        parts = parts_of(self.read)
        hours: dict[int, list[PartSums]] = {}
        live: dict[int, PartSums] = {}
        for hour in self.read.hours:
            hours.setdefault(bar_of(self.bars, hour, self.read.span), []).append(parts[hour])
        for key, sums in self.read.live.items():
            bar, values = bar_of(self.bars, key[0], self.read.span), key[1:]
            part = live.setdefault(bar, PartSums(bar))
            part.rows.append(Fact._make((bar, *values, *sums.counts)))
            if sums.took or sums.queued:
                part.times.append((values, sums.took, sums.queued))
        beside = [merged(tuple(own), bar) for bar, own in hours.items()]
        return tuple(parts[day] for day in self.read.days), (*beside, *live.values())


def parts_of(read: SpanReads) -> dict[int, PartSums]:
    """Returns the sums of each day and hour of a span, by its start. What is not kept as it is now is read at once."""
    found: dict[int, PartSums] = {}
    fresh: dict[PartName, PartSums] = {}
    seen, wanted, row_keys = row_access.mark(), repr(read.narrowing), row_keys_of(read)
    for length, starts in ((DAY_HOURS, read.days), (1, read.hours)):
        for start in starts:
            name, keys = (seen, wanted, length, start), row_keys.get(start, ())
            part = _kept.get(name)
            if part is None or part.row_keys != keys:
                part = fresh[name] = PartSums(start, keys)
            found[start] = part
    days, hours = ([start for _, _, own, start in fresh if own == length] for length in (DAY_HOURS, 1))
    fill(found, replace(read, days=days, hours=hours))
    keep(fresh)
    return found


def row_keys_of(read: SpanReads) -> dict[int, RowKeys]:
    """Returns what changes whenever a day or an hour is made anew, or loses a connection: a look at one row of each."""
    parts = [(DAY_HOURS, day) for day in read.days] + [(1, hour) for hour in read.hours]
    found: dict[int, RowKeys] = {}
    if parts:
        values = ", ".join(["(%s, %s)"] * len(parts))
        with database.cursor() as cursor:
            cursor.execute(ONE_ROW_OF_EACH.format(values), [*itertools.chain.from_iterable(parts)])
            for start, connection_id, key in sorted(cursor.fetchall()):
                found[start] = (*found.get(start, ()), (connection_id, key))
    return found


def fill(parts: Mapping[int, PartSums], read: SpanReads) -> None:
    """Reads days and hours into their parts, by one statement."""
    source, params = read.rows_sql(READ, ())
    if not source:
        return
    with database.cursor() as cursor:
        cursor.execute(source, params)
        for row in cursor.fetchall():
            part = parts[row[0]]
            part.rows.append(Fact._make(row[:-2]))
            if row[-2] or row[-1]:
                part.times.append((row[VALUES], unpacked(row[-2]), unpacked(row[-1])))


def keep(fresh: Mapping[PartName, PartSums]) -> None:
    _kept.update(fresh)
    if sum(len(part.rows) for part in list(_kept.values())) > MOST_ROWS:
        _kept.clear()
