"""Counts what sums do not tell apart: runs of any filter, and groups by metadata or function. A part at a time.

Runs are walked newest first; where the walk is, and what it counted, is kept in the cache, so that whoever asks next
goes on. A count is of one state of the index: once a run within it has changed, it begins anew. The newest hours change
all the time, so they are no part of what is kept and counted anew with each look.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TypeVar

from django.conf import settings
from django.core.cache import cache
from django.db import connection as database

from runsdash.index.models import Connection, DirtyHour, RunSums
from runsdash.index.search.filter_values import KeyRange
from runsdash.index.search.plan import positions_of
from runsdash.index.search.predicates import query_of_runs
from runsdash.index.search.run_filter import RunFilter
from runsdash.index.search.run_query import Position, RunOrder, RunQuery
from runsdash.index.search.sql_pieces import each_run, listed_ids
from runsdash.index.search.time_budget import TimeBudget

from .histograms import Histogram
from .hour_spans import HOUR_KEYS, Span, hour_of_key
from .span_reads import bar_of, version
from .sums import OF_RUN, Fact, FactKey, RunValues, Sums, add_sums, sums_of_runs

AT_ONCE = 5000  # runs counted by one statement
MOST_KEYS = 20_000  # what more is not told apart: its assistants and models, or its values, count as ""
NEWEST_HOURS = 2  # left out of what is kept
Key = TypeVar("Key")
KEPT_S = 600  # a thread's metadata and words of texts change without a mark
NO_GROUPS = ("", "''")
SOURCES = {  # what is joined with runs `r`, and the value of the group; one of them takes the key
    "metadata": ("LEFT JOIN index_runmetadata g ON g.run_id = r.id AND g.key = %s", "g.value"),
    "thread.metadata": ("LEFT JOIN index_threadmetadata g ON g.thread_id = r.thread_id AND g.key = %s", "g.value"),
    "function": ("JOIN index_runtool g ON g.run_id = r.id", "g.name"),
}
Value = tuple[int, str]  # first hour of the part or bar, value of the group


@dataclass
class RunCounts:
    """Holds what was counted so far. `behind`: where the walk is; `version`: of the index when it began."""

    version: tuple[int, int]
    behind: Position | None = None
    is_complete: bool = False
    facts: dict[FactKey, Sums] = field(default_factory=dict)
    groups: dict[Value, Sums] = field(default_factory=dict)


@dataclass(frozen=True)
class Counting:
    """Says what is counted. `source` and `key` name the groups: "" for none, one of SOURCES and a metadata key."""

    spans: Sequence[Span]  # the range and the time before it
    bars: Sequence[Span]
    run_filter: RunFilter
    connection: Connection | None
    source: str = ""
    key: str = ""
    now_hour: int = 0

    @property
    def name(self) -> str:
        """Names what is kept of it; objects that another version has kept are not read."""
        parts = (
            self.spans,
            self.bars,
            str(self.run_filter),
            self.connection and self.connection.pk,
            self.source,
            self.key,
        )
        digest = blake2b(repr((parts, self.now_hour)).encode("utf-8", "surrogatepass"), digest_size=16)
        return f"overview-runs-{settings.VERSION}-{digest.hexdigest()}"

    @property
    def kept_until(self) -> int:
        """Returns the first of the hours that are counted with each look."""
        return min(self.spans[0].end, max(self.spans[0].first, self.now_hour + 1 - NEWEST_HOURS))

    def kept(self) -> RunCounts:
        """Returns what is kept, or a new beginning where nothing is, or where runs have changed."""
        found = cache.get(self.name)
        if not isinstance(found, RunCounts) or self.has_changed(found.version):
            return RunCounts(version())
        return found

    def has_changed(self, since: tuple[int, int]) -> bool:
        """Tells whether a run of the hours that are kept may have changed after `since`."""
        rolled, marked = since
        own = {"hour__gte": self.spans[-1].first, "hour__lt": self.kept_until}
        return (
            DirtyHour.objects.filter(pk__gt=marked, **own).exists()
            or RunSums.objects.filter(pk__gt=rolled, hours=1, **own).exists()
        )

    def count(self, *, within_s: float) -> RunCounts:
        """Counts on for a bounded time, and keeps what it counted."""
        found = self.kept()
        deadline = time.monotonic() + within_s
        while not found.is_complete and (left_s := deadline - time.monotonic()) > 0:
            self.step(found, left_s)
        cache.set(self.name, found, KEPT_S)
        return found

    def step(self, found: RunCounts, left_s: float) -> None:
        keys = KeyRange(self.spans[-1].first * HOUR_KEYS, self.kept_until * HOUR_KEYS)
        budget = TimeBudget(walk_s=left_s, statement_s=max(0.05, left_s))
        result = positions_of(self.query(keys), RunOrder(), found.behind, count=AT_ONCE, budget=budget)
        self.add([position.key for position in result.positions], found)
        if result.is_stopped or result.positions:
            found.behind = result.stopped_at if result.is_stopped else result.positions[-1]
        found.is_complete = not result.is_stopped and len(result.positions) < AT_ONCE

    def query(self, keys: KeyRange) -> RunQuery:
        asked = query_of_runs(self.run_filter, self.connection)
        return RunQuery(asked.key_range & keys, asked.predicates)

    def newest(self) -> RunCounts:
        """Counts the newest hours, which are never kept."""
        found = RunCounts((0, 0))
        keys = KeyRange(self.kept_until * HOUR_KEYS, self.spans[0].end * HOUR_KEYS)
        while keys.low < keys.high and not found.is_complete:
            result = positions_of(self.query(keys), RunOrder(), found.behind, count=AT_ONCE, budget=TimeBudget())
            self.add([position.key for position in result.positions], found)
            found.behind = result.positions[-1] if result.positions else None
            found.is_complete = len(result.positions) < AT_ONCE
        return found

    def add(self, ids: Sequence[int], found: RunCounts) -> None:
        """Adds runs to the facts, or to the groups, of the range and of the time before."""
        values = self.rows_of(ids)
        if not self.source:
            for key, sums in sums_of_runs(row[:-1] for row in values).items():
                part = self.part_of(key[0])
                if part is not None:
                    add_to(found.facts, (part, *key[1:]), (part, key[1], "", "", *key[4:]), sums)
            return
        grouped: dict[str, list[RunValues]] = {}
        for row in values:
            grouped.setdefault(str(row[-1] or ""), []).append(row[:-1])
        for value, runs in grouped.items():
            for (hour, *_, status, _), sums in sums_of_runs(runs).items():
                part = self.part_of(hour)
                if part is not None:
                    sums.add_status(status, sums.runs)
                    add_to(found.groups, (part, value), (part, ""), sums)

    def part_of(self, hour: int) -> int | None:
        """Returns the bar that an hour counts in, for the time before its first hour; None between the two."""
        if hour >= self.spans[0].first:
            return bar_of(self.bars, hour, self.spans[0])
        return self.spans[1].first if hour < self.spans[1].end else None

    def rows_of(self, ids: Sequence[int]) -> list[tuple[*RunValues, str | None]]:
        rows = each_run(listed_ids(ids))
        join, value = SOURCES.get(self.source, NO_GROUPS)
        columns = ", ".join(f"r.{name}" for name in OF_RUN)
        params = [*rows.params, *([self.key] if "%s" in join else [])]
        with database.cursor() as cursor:
            cursor.execute(f"SELECT {columns}, {value} FROM {rows.text} {join}", params)
            rows_there: list[tuple[*RunValues, str | None]] = cursor.fetchall()
            return rows_there

    def progress(self, found: RunCounts) -> float:
        """Returns which share of the time was walked, from 0 to 1."""
        if found.is_complete:
            return 1.0
        if found.behind is None:
            return 0.0
        first, end = self.spans[-1].first, self.kept_until
        return (end - hour_of_key(found.behind.key)) / max(1, end - first)


def add_to(found: dict[Key, Sums], key: Key, otherwise: Key, sums: Sums) -> None:
    """Adds sums under `key`; under `otherwise` when there are too many keys to tell apart."""
    if key not in found and len(found) >= MOST_KEYS:
        key = otherwise
    there = found.get(key)
    if there is None:
        there = found[key] = Sums()
    add_sums(sums, to=there)


@dataclass(frozen=True)
class CountedReads:
    """Gives facts of one span from a count, as `span_reads.SpanReads` gives them from sums."""

    span: Span
    facts_of: Sequence[dict[FactKey, Sums]]
    waiting_hours: int = 0

    def facts(self, *keys: str, bars: Sequence[Span] = ()) -> list[Fact]:
        return [
            Fact._make((*key, *sums.counts)) for found in self.facts_of for key, sums in found.items() if self.has(key)
        ]

    def times(self, bars: Sequence[Span] = ()) -> Iterator[tuple[int, tuple[str | int, ...], Histogram, Histogram]]:
        for found in self.facts_of:
            for key, sums in found.items():
                if self.has(key) and (sums.took or sums.queued):
                    yield key[0], key[1:], sums.took, sums.queued

    def has(self, key: FactKey) -> bool:
        return self.span.first <= key[0] < self.span.end
