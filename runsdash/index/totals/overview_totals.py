"""Computes the overview of a span: totals, groups and causes, over time and against the same length before.

Figures are exact (see totals/span_reads.py), percentiles within 3 %. While `waiting_hours` is not 0 some of the span is
still to be counted and no figure of it is to be shown; `has_before` says the same of the time before. Everything is
computed when asked and kept, so a page that shows less reads less. Reads the index, asks no upstream.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Protocol, TypeVar

from runsdash.index import run_states

from .histograms import EMPTY, Histogram
from .hour_spans import DAY_HOURS, Span, day_starts
from .kept_days import kept_reads, told_apart
from .span_reads import COLUMNS, EVERYTHING, Narrowing, Times, Values, bar_of, reads_of
from .sums import Fact, Sums, summed_by

Key = TypeVar("Key", bound=Hashable)
MAX_HOURS_BY_HOUR = 2 * DAY_HOURS + 1  # a day has 25 hours when clocks are set back
MAX_HOURS_BY_DAY = 62 * DAY_HOURS + 1
Cause = tuple[str, str]  # status, error code; the code is "" without a reason


class FactReads(Protocol):
    """Gives facts of one span, wherever it has them from."""

    @property
    def waiting_hours(self) -> int: ...

    def facts(self, *keys: str, bars: Sequence[Span] = ()) -> list[Fact]: ...

    def times(self, bars: Sequence[Span] = ()) -> Iterator[Times]: ...


class Figures:
    """Computes the figures of `span`, of all runs or narrowed. `now_hour` is the hour that has begun last."""

    def __init__(
        self,
        span: Span,
        *,
        now_hour: int,
        narrowing: Narrowing = EVERYTHING,
        counted: Callable[[], Sequence[FactReads]] | None = None,
    ) -> None:
        """`counted`: gives the facts of a span and of the time before where sums do not tell them."""
        self.span, self.now_hour, self.narrowing, self.counted = span, now_hour, narrowing, counted

    # Sources

    @cached_property
    def step_hours(self) -> int:
        """Chooses how long the bars of charts are: an hour, a day or a week."""
        if self.span.hours <= MAX_HOURS_BY_HOUR:
            return 1
        return DAY_HOURS if self.span.hours <= MAX_HOURS_BY_DAY else 7 * DAY_HOURS

    @cached_property
    def bars(self) -> list[Span]:
        return cut(self.span, self.step_hours)

    @cached_property
    def before(self) -> Span:
        """Returns the same part of the range before: what has not passed yet of this one is left out there, too."""
        passed = Span(self.span.first, max(self.span.first, min(self.span.end, self.now_hour + 1)))
        return passed.shifted(-self.span.hours)

    @cached_property
    def reads(self) -> Sequence[FactReads]:
        """Returns where facts of the span are, and those of the time before."""
        if self.counted:
            return self.counted()
        now, before = reads_of([self.span, self.before], self.narrowing)
        return [kept_reads(now, self.bars), kept_reads(before)]

    @property
    def waiting_hours(self) -> int:
        return self.reads[0].waiting_hours

    @property
    def has_before(self) -> bool:
        return not self.reads[1].waiting_hours

    @cached_property
    def facts(self) -> list[Fact]:
        return told_apart(self.reads[0].facts(*COLUMNS), COLUMNS, self.span.first)

    @cached_property
    def facts_before(self) -> list[Fact]:
        return self.reads[1].facts(*COLUMNS)

    @cached_property
    def times(self) -> list[Times]:
        return list(self.reads[0].times(self.bars))

    @cached_property
    def times_of_all_bars(self) -> list[Times]:
        return of_all_bars(self.times)

    @cached_property
    def times_before(self) -> list[Times]:
        return of_all_bars(self.reads[1].times())

    # Totals

    @cached_property
    def total(self) -> Sums:
        return self.groups(None).get("", Sums())

    @cached_property
    def total_before(self) -> Sums:
        return self.groups_before(None).get("", Sums())

    @cached_property
    def runs(self) -> int:
        return self.total.runs

    def groups(self, column: str | None) -> dict[str | int, Sums]:
        """Adds up by the values of one of COLUMNS; None: all together, under ""."""
        return added_up(self.facts, self.times_of_all_bars, column)

    def groups_before(self, column: str | None) -> dict[str | int, Sums]:
        return added_up(self.facts_before, self.times_before, column) if self.has_before else {}

    def runs_by(self, *columns: str) -> dict[tuple[str | int, ...], int]:
        """Counts runs by the values of some columns."""
        found: dict[tuple[str | int, ...], int] = {}
        for fact in told_apart(self.facts, columns, self.span.first):
            found[tuple([getattr(fact, column) for column in columns])] = fact.runs
        return found

    # Over time

    @cached_property
    def bars_by_cause(self) -> dict[tuple[int, str, str], int]:
        """Counts all runs of each bar by status and error code: (first hour of the bar, status, code)."""
        found: dict[tuple[int, str, str], int] = {}
        for fact in self.reads[0].facts("status", "error_code", bars=self.bars):
            key = (bar_of(self.bars, fact.since, self.span), fact.status, fact.error_code)
            found[key] = found.get(key, 0) + fact.runs
        return found

    def bars_by(self, column: str) -> dict[tuple[int, str | int], Fact]:
        """Adds up each bar by the values of a column: (first hour of the bar, value)."""
        found: dict[tuple[int, str | int], Fact] = {}
        for fact in self.reads[0].facts(column, bars=self.bars):
            key = bar_of(self.bars, fact.since, self.span), getattr(fact, column)
            found[key] = found[key].plus(fact) if key in found else fact
        return found

    @cached_property
    def took_by_bar(self) -> dict[int, Sums]:
        """Gathers what completed runs of each bar took, in `took` and `queued` alone."""
        found: dict[int, Sums] = {}
        for bar, _, took, queued in self.times:
            sums = found.get(bar)
            if sums is None:
                sums = found[bar] = Sums()
            sums.took += took
            sums.queued += queued
        return found

    @cached_property
    def causes(self) -> dict[Cause, int]:
        """Counts runs that did not complete, though nobody cancelled them, the most frequent cause first."""
        counted = self.runs_by("status", "error_code")
        found = {
            (str(one), str(code)): runs for (one, code), runs in counted.items() if one in run_states.NOT_COMPLETED
        }
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def added_up(facts: Iterable[Fact], times: Iterable[Times], column: str | None) -> dict[str | int, Sums]:
    place = COLUMNS.index(column) if column else -1
    key: Callable[[Fact], str | int] = lambda fact: getattr(fact, column) if column else ""  # noqa: E731
    found = summed_by(facts, key)
    for _, values, took, queued in times:
        sums = found.setdefault(values[place] if column else "", Sums())
        sums.took += took
        sums.queued += queued
    return found


def of_all_bars(times: Iterable[Times]) -> list[Times]:
    """Adds up what groups took in each bar, once for all groupings."""
    found: dict[Values, tuple[Histogram, Histogram]] = {}
    for _, values, took, queued in times:
        before = found.get(values, (EMPTY, EMPTY))
        found[values] = before[0] + took, before[1] + queued
    return [(0, values, *both) for values, both in found.items()]


def cut(span: Span, step_hours: int) -> list[Span]:
    """Cuts the span into bars: hours, or days of the reader; the first and last may be shorter."""
    starts = [*range(span.first, span.end)] if step_hours == 1 else day_starts(span, step_hours // DAY_HOURS)
    ends = [*starts[1:], span.end]
    return [Span(max(start, span.first), end) for start, end in zip(starts, ends, strict=True)]
