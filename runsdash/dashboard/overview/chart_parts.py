"""Writes addresses of lists for marks and rows of charts, and names their bars."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, TypeVar
from urllib.parse import quote_plus

from django.utils import timezone

from runsdash.dashboard.shell import links
from runsdash.dashboard.shell.page_types import Context
from runsdash.index.search.run_filter import Clause, RunFilter
from runsdash.index.totals.hour_spans import Span, day_of

from .charts import LABELLED_BARS, Cause, Chart, ChartColumn, ChartSeries, GroupKey
from .query import OverviewQuery
from .time_range import clauses_of

Key = TypeVar("Key", bound=GroupKey | Cause)


@dataclass(frozen=True)
class ChartPanel:
    """Holds one chart with its table. `chart` is None when there is nothing to draw; `heads` are of the cells."""

    name: str
    title: str
    note: str
    chart: Chart | None
    series: list[ChartSeries]
    heads: list[str] = field(default_factory=list)
    rows: list[Context] = field(default_factory=list)
    nothing: str = ""

    @property
    def table(self) -> list[list[str]]:
        """Returns the table as a CSV has it: heads, then rows."""
        return [self.heads, *([str(row["title"]), *map(plain_text, row["plain"])] for row in self.rows)]


def plain_text(value: float | str) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


class ChartBars:
    """Names the bars that the charts of a page share, and writes addresses: of runs for which some clauses hold."""

    def __init__(self, query: OverviewQuery, bars: Sequence[Span]) -> None:
        self.query, self.bars = query, bars
        self.names = [bar_name(bar, is_long=len(bars) > LABELLED_BARS) for bar in bars]
        self.titles = [bar_title(bar) for bar in bars]
        self.times = [quote_plus(str(RunFilter(clauses_of(bar)))) for bar in bars]
        self.tail = f"&connection={quote_plus(query.connection.slug)}" if query.connection else ""

    def start(self, *clauses: Clause) -> str:
        own = str(self.query.list_filter(*clauses, is_timed=False))
        return f"{links.address('runs')}?q={quote_plus(own)}{'+' if own else ''}"

    def urls(self, start: str, sort: str = "") -> list[str]:
        """Returns the address of each bar; `start`: what `self.start` returns, "" for no addresses."""
        end = f"{f'&sort={sort}' if sort else ''}{self.tail}"
        return [f"{start}{times}{end}" if start else "" for times in self.times]


def summed(values: Mapping[tuple[int, Key], float]) -> dict[Key, float]:
    """Adds up values by bar and key for each key."""
    found: dict[Key, float] = {}
    for (_, key), value in values.items():
        found[key] = found.get(key, 0) + value
    return found


def columns_of(
    bars: ChartBars, series: Sequence[ChartSeries], values: Mapping[tuple[int, Any], float], starts: Sequence[str]
) -> list[ChartColumn]:
    """Makes a column of each bar; what is of no series of its own is of the last, the others."""
    named = {one.key for one in series if one.key is not None}
    rest: dict[int, float] = {}
    for (bar, key), value in values.items():
        if key not in named:
            rest[bar] = rest.get(bar, 0) + value
    numbers = [
        tuple([rest.get(bar.first, 0) if one.key is None else values.get((bar.first, one.key), 0) for one in series])
        for bar in bars.bars
    ]
    urls = zip(*map(bars.urls, starts), strict=True) if starts else repeat(())
    return [ChartColumn(*one) for one in zip(bars.names, bars.titles, numbers, urls, strict=False)]


def bar_name(span: Span, *, is_long: bool) -> str:
    if span.hours == 1:
        return f"{timezone.localtime(span.start_at):%H:%M}"
    first = day_of(span.first)
    return f"{first:%-d %b}" if is_long or first < day_of(span.end - 1) else f"{first:%a %-d}"


def bar_title(span: Span) -> str:
    """Names a bar in full, with the zone's short name in an hour that comes a second time."""
    if span.hours == 1:
        start = timezone.localtime(span.start_at)
        return f"{start:%a %-d %b %H:%M}{f' {start:%Z}' if start.fold else ''}"
    first, last = day_of(span.first), day_of(span.end - 1)
    return f"{first:%a %-d %b}" if first == last else f"{first:%-d %b} to {last:%-d %b}"


def negated(clause: Clause) -> Clause:
    return Clause(clause.name, clause.value, clause.operator, clause.key, is_negated=True)
