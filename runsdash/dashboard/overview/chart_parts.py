"""Writes addresses of lists for marks and rows of charts, and names their bars."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from django.urls import reverse
from django.utils import timezone

from runsdash.dashboard.overview.charts import SeriesKey
from runsdash.dashboard.shell.page_types import Context
from runsdash.index.search.run_filter import Clause, RunFilter
from runsdash.index.totals.hour_spans import Span, day_of

from .charts import LABELLED_BARS, Chart, ChartColumn, ChartSeries
from .query import OverviewQuery
from .time_range import clauses_of

Values = Mapping[tuple[int, SeriesKey], float]  # by bar and key


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
        return [self.heads, *([str(row["title"]), *map(str, row["plain"])] for row in self.rows)]


class BarLinks:
    """Writes addresses of lists: of the runs of a bar for which some clauses hold."""

    def __init__(self, query: OverviewQuery) -> None:
        self.query = query
        self.times: dict[Span, str] = {}
        self.tail = f"&connection={quote_plus(query.connection.slug)}" if query.connection else ""

    def start(self, *clauses: Clause) -> str:
        own = str(self.query.list_filter(*clauses, is_timed=False))
        return f"{reverse('runs')}?q={quote_plus(own)}{'+' if own else ''}"

    def url(self, start: str, bar: Span, sort: str = "") -> str:
        if bar not in self.times:
            self.times[bar] = quote_plus(str(RunFilter(clauses_of(bar))))
        return f"{start}{self.times[bar]}{f'&sort={sort}' if sort else ''}{self.tail}"


def summed(values: Values) -> dict[SeriesKey, float]:
    found: dict[SeriesKey, float] = {}
    for (_, key), value in values.items():
        found[key] = found.get(key, 0) + value
    return found


def columns_of(
    bars: Sequence[Span], series: Sequence[ChartSeries], values: Values, starts: Sequence[str], links: BarLinks
) -> list[ChartColumn]:
    """Makes a column of each bar; what is of no series of its own is of the last, the others."""
    named = {one.key for one in series if one.key is not None}
    rest: dict[int, float] = {}
    for (bar, key), value in values.items():
        if key not in named:
            rest[bar] = rest.get(bar, 0) + value
    is_long = len(bars) > LABELLED_BARS
    return [
        ChartColumn(
            bar_name(bar, is_long=is_long),
            bar_title(bar),
            tuple(rest.get(bar.first, 0) if one.key is None else values.get((bar.first, one.key), 0) for one in series),
            tuple(links.url(start, bar) if start else "" for start in starts),
        )
        for bar in bars
    ]


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
