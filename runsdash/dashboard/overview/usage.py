"""Shows tokens, costs, times and the dearest of a span: charts, tables beside them, and links.

Each figure that counts runs has the address of the list that holds just those runs.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone

from runsdash.dashboard.shell import formats
from runsdash.dashboard.shell.links import mark_ambiguous, thread_url
from runsdash.index.models import Assistant, Connection, Thread
from runsdash.index.search.run_filter import Clause, RunFilter
from runsdash.index.totals.hour_spans import DAY_HOURS, Span, day_of, start_hour_of
from runsdash.index.totals.hour_spans import moment_of as moment_of_hour
from runsdash.index.totals.overview_totals import Figures, Latency, Period, UsageTotals
from runsdash.index.totals.top_threads import Dearest, dearest_threads

from .charts import LABELLED_BARS, SERIES, ChartColumn, chart, log_place
from .time_range import clauses_of

MAX_DEAREST = 8
BY = {"model": "Model", "assistant": "Assistant"}
MEASURES = {"queue_s": "Queue", "duration_s": "Run, start to end"}
LOG_MOST_S = 600
STEPS = {1: "hour", DAY_HOURS: "day", 7 * DAY_HOURS: "week"}
Row = dict[str, object]


class OverviewUsage:
    """Shows what the runs of `figures` used. `by`: one of BY, what charts tell apart."""

    def __init__(
        self, figures: Figures, *, connection: Connection | None, among: Sequence[Connection], by: str
    ) -> None:
        self.figures, self.connection, self.among, self.by = figures, connection, among, by

    def list_url(self, *clauses: Clause, span: Span | None = None, sort: str = "", is_timed: bool = True) -> str:
        """Links to the run list with these clauses and those of the span."""
        times = clauses_of(span or self.figures.span) if is_timed else ()
        query = {"q": str(RunFilter((*clauses, *times))), "sort": sort}
        query["connection"] = self.connection.slug if self.connection else ""
        return f"{reverse('runs')}?{urlencode({name: value for name, value in query.items() if value})}"

    # Charts

    @property
    def step(self) -> str:
        return STEPS[self.figures.step_hours]

    @cached_property
    def days_begin(self) -> str:
        """Names the time that days begin at where none can begin at midnight; "" where they do."""
        starts = [
            moment_of_hour(start_hour_of(day)) for day in sorted({day_of(bar.first) for bar in self.figures.bars})
        ]
        return ", ".join(dict.fromkeys(f"{one:%H:%M}" for one in map(timezone.localtime, starts) if one.minute))

    @property
    def tokens_title(self) -> str:
        return f"Tokens per {self.step}"

    @property
    def costs_title(self) -> str:
        return f"Estimated cost per {self.step}"

    @cached_property
    def periods(self) -> list[Period]:
        return self.figures.periods if self.by == "model" else self.figures.periods_by_assistant

    @cached_property
    def series(self) -> list[Row]:
        """Returns the top names and the others: {"class", "name", "key" (None: the others), "url"}."""
        top = self.figures.top_models if self.by == "model" else self.figures.top_assistants
        names = self.assistant_names if self.by == "assistant" else {}
        series: list[Row] = [
            {"key": key, "name": names.get(key, key), "url": self.list_url(Clause(self.by, key))} for key in top
        ]
        if self.figures.total.runs > sum(self.used_by(key).runs for key in top):
            series.append({"key": None, "name": f"Other {self.by}s" if top else "All", "url": ""})
        return [one | {"class": SERIES[place]} for place, one in enumerate(series)]

    def used_by(self, key: str) -> UsageTotals:
        return (self.figures.models if self.by == "model" else self.figures.assistants)[key]

    @cached_property
    def tokens(self) -> Row:
        return self.drawn("total_tokens", formats.short_count_text, formats.count_text, least=1)

    @cached_property
    def costs(self) -> Row:
        return self.drawn("cost", axis_dollars, formats.costs_text, least=0.01)

    def drawn(self, name: str, short: Callable[[float], str], full: Callable[[float], str], *, least: float) -> Row:
        """Draws one attribute of Usage as a chart (None when there is nothing) and the rows of its table."""
        values = [self.values(period, name) for period in self.periods]
        is_long = len(self.periods) > LABELLED_BARS
        columns = [
            ChartColumn(period_name(period.span, is_long=is_long), period_title(period.span), own)
            for period, own in zip(self.periods, values, strict=True)
        ]
        total = getattr(self.figures.total, name)
        return {
            "chart": chart(columns, write=short, least=least) if total else None,
            "rows": [self.table_row(*one, name, full) for one in zip(self.periods, values, strict=True)],
            "sums": [full(sum(column)) for column in list(zip(*values, strict=True))[: len(self.series)]],
            "total": full(total),
            "total_short": short(total),
        }

    def values(self, period: Period, name: str) -> tuple[float, ...]:
        """Returns one value for each of SERIES, zero for those that are not there."""
        total = getattr(period.all, name)
        own = [getattr(period.of[one["key"]], name) for one in self.series if one["key"] is not None]
        rest = [max(0, total - sum(own))] if self.series and self.series[-1]["key"] is None else []
        return (*own, *rest, *[0] * (len(SERIES) - len(own) - len(rest)))

    def table_row(self, period: Period, values: tuple[float, ...], name: str, full: Callable[[float], str]) -> Row:
        return {
            "title": period_title(period.span),
            "values": [full(value) for value in values[: len(self.series)]],
            "total": full(getattr(period.all, name)),
            "runs": period.all.runs,
            "url": self.period_urls[period.span],
        }

    @cached_property
    def period_urls(self) -> dict[Span, str]:
        return {period.span: self.list_url(span=period.span) for period in self.periods}

    @property
    def unpriced_url(self) -> str:
        return self.list_url(Clause("has", "cost", is_negated=True), Clause("tokens", "0", ">="))

    @property
    def why_no_cost(self) -> str:
        """Says why runs with tokens have no cost; "" when there are none."""
        total = self.figures.total
        told_apart = total.prompt_tokens + total.completion_tokens
        if not total.unpriced_runs:
            return ""
        if not told_apart:
            return "The server reported only totals of tokens. Prices are of prompt and completion tokens."
        if told_apart < total.total_tokens:
            return "No price is known for the models of these runs, or not all of their tokens were reported."
        return "No price is known for the models of these runs. RUNSDASH_PRICES can set prices."

    # Times

    @cached_property
    def latencies(self) -> list[Row]:
        return [self.latency(one) for one in self.figures.latencies]

    def latency(self, one: Latency) -> Row:
        places = [log_place(seconds, most=self.latency_most_s) for seconds in one.at.values()]
        texts = [f"≈ {formats.duration_text(seconds)}" for seconds in one.at.values()]
        return {
            "name": MEASURES[one.measure],
            "runs": one.runs,
            "places": [f"{place}%" for place in places],
            "reach": f"{places[-1] - places[0]:.1f}%" if places else "",
            "texts": texts,
        }

    @cached_property
    def latency_most_s(self) -> int:
        """Returns the end of the log scale."""
        return max([LOG_MOST_S, *(seconds for one in self.figures.latencies for seconds in one.at.values())])

    @property
    def latency_scale(self) -> str:
        return f"log scale 1 s to {formats.duration_text(self.latency_most_s)}"

    @property
    def slowest_url(self) -> str:
        return self.list_url(Clause("status", "completed"), sort="-duration")

    # The dearest

    @cached_property
    def assistant_names(self) -> dict[str, str]:
        wanted = {key for key in [*self.figures.top_assistants, *list(self.figures.assistants)[:MAX_DEAREST]] if key}
        rows = Assistant.objects.filter(connection__in=self.among, upstream_id__in=wanted)
        return dict(rows.exclude(name="").values_list("upstream_id", "name"))

    @cached_property
    def assistants(self) -> list[Row]:
        first = list(self.figures.assistants.items())[:MAX_DEAREST]
        most = max((usage.cost for _, usage in first), default=0)
        return [
            {
                "id": key,
                "name": self.assistant_names.get(key, ""),
                "usage": usage,
                "per_run": usage.cost / usage.runs,
                "share": f"{100 * usage.cost / most:.1f}%" if most else "0%",
                "url": self.list_url(Clause("assistant", key)) if key else "",
            }
            for key, usage in first
        ]

    @cached_property
    def dearest(self) -> Dearest:
        pk = self.connection.pk if self.connection else None
        return dearest_threads(self.figures.span, connection_id=pk, limit=MAX_DEAREST)

    @cached_property
    def threads(self) -> list[Row]:
        ids = [one.thread_id for one in self.dearest.threads]
        rows = Thread.objects.select_related("connection").only("upstream_id", "connection__slug").in_bulk(ids)
        mark_ambiguous(rows.values(), among=self.among)
        there = [(rows[one.thread_id], one) for one in self.dearest.threads if one.thread_id in rows]
        return [
            {
                "thread": thread,
                "url": thread_url(thread),
                "of": one,
                "share": f"{100 * one.cost / self.dearest.threads[0].cost:.1f}%",
                "runs_url": self.list_url(*of_thread(thread)),
            }
            for thread, one in there
        ]


def of_thread(thread: Thread) -> tuple[Clause, ...]:
    """Returns the clauses of a thread, with its connection where another one knows the same id."""
    clauses = (Clause("thread", thread.upstream_id),)
    return (
        (*clauses, Clause("connection", thread.connection.slug)) if getattr(thread, "is_ambiguous", False) else clauses
    )


def axis_dollars(value: float) -> str:
    """Writes `$40`, `$2.5 K`, `$0.05`, `<$0.01`."""
    if value >= 1000:
        return f"${formats.short_count_text(value)}"
    if 0 < value < 0.005:
        return formats.costs_text(value)
    return f"${value:.0f}" if value >= 10 or value == int(value) else f"${value:.2f}"


def period_name(span: Span, *, is_long: bool) -> str:
    if span.hours == 1:
        return f"{timezone.localtime(span.start_at):%H:%M}"
    first = day_of(span.first)
    return f"{first:%-d %b}" if is_long or first < day_of(span.end - 1) else f"{first:%a %-d}"


def period_title(span: Span) -> str:
    """Names a bar in full, with the zone's short name in an hour that comes a second time."""
    if span.hours == 1:
        start = timezone.localtime(span.start_at)
        return f"{start:%a %-d %b %H:%M}{f' {start:%Z}' if start.fold else ''}"
    first, last = day_of(span.first), day_of(span.end - 1)
    return f"{first:%a %-d %b}" if first == last else f"{first:%-d %b} to {last:%-d %b}"
