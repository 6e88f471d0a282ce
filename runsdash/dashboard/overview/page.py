"""Gathers what the overview shows, as far as a template asks for it. The page and its poll share it."""

from collections.abc import Mapping
from functools import cached_property

from django.utils import timezone

from runsdash.dashboard.shell import formats
from runsdash.dashboard.shell.page_types import Context
from runsdash.index import run_states
from runsdash.index.models import Run
from runsdash.index.totals.hour_spans import DAY_HOURS, day_of, start_hour_of
from runsdash.index.totals.hour_spans import moment_of as moment_of_hour
from runsdash.index.totals.sums import Fact, Sums
from runsdash.index.totals.top_threads import Dearest, dearest_threads

from . import facets
from .cause_rows import CauseRow, cause_rows
from .chart_parts import ChartBars, ChartPanel
from .dearest import DearestRow, dearest_rows
from .facets import FacetMenu, KeyLink
from .failures import failures
from .figures import OverviewFigure, figures_of, unpriced_clauses, why_no_cost
from .functions import FunctionRow, WaitedFor, function_rows, waited_for
from .groups import COLUMN_OF, MAX_ROWS, GroupRow, Names, group_rows
from .page_figures import PageFigures
from .query import DEFAULT_GROUP, FUNCTION, GROUPS, group_title
from .usage import COST, TOKENS, UsedNumber, took, used
from .worse_rows import WorseRow, worse_rows

STEPS = {1: "hour", DAY_HOURS: "day", 7 * DAY_HOURS: "week"}
MAX_DEAREST = 8


class OverviewPage(PageFigures):
    """Shows the overview that `query` asks for."""

    # Addresses

    @property
    def counting_address(self) -> str:
        """Returns the address of this page that makes sums first: without script nothing follows by itself."""
        return self.query.address(counting="1")

    @property
    def csv_address(self) -> str:
        """Returns the address of a CSV, up to the name of its table."""
        return f"{self.query.address(format='csv')}&table="

    @property
    def unfiltered(self) -> str:
        return self.query.address(q="")

    @property
    def kept_in_form(self) -> list[tuple[str, str]]:
        """Returns what the form with two dates keeps of the address."""
        return [(name, value) for name, value in self.query.values.items() if name not in ("range", "from", "to")]

    # What is counted

    @cached_property
    def names(self) -> Names:
        runs = {} if self.hours_to_count else self.figures.runs_by("assistant_id")
        ordered = sorted(runs, key=lambda key: -runs[key])
        return Names.of([str(one) for (one,) in ordered], self.among, within=self.query.within(self.among))

    @cached_property
    def figure_row(self) -> list[OverviewFigure]:
        return figures_of(self.query, self.figures, counted_until=self.counted_until)

    @property
    def has_changes(self) -> bool:
        """Tells whether figures can be compared with the time before."""
        return self.figures.has_before and not self.is_old

    @cached_property
    def menus(self) -> list[FacetMenu]:
        return [] if self.hours_to_count else facets.menus(self.query, self.names, self.figures)

    @property
    def compared(self) -> str:
        """Writes what the range is compared with: `against 16 to 22 Nov, the same hours`."""
        before = self.figures.before
        if not before.hours or self.is_old:
            return ""
        first, last = day_of(before.first), day_of(before.end - 1)
        days = f"{first:%-d %b}" if first == last else f"{first:%-d %b} to {last:%-d %b}"
        is_cut = before.hours < self.range.span.hours
        return f"against {days}{', the same hours' if is_cut else ''}"

    @property
    def why_no_cost(self) -> str:
        return "" if self.hours_to_count else why_no_cost(self.figures.total)

    @property
    def unpriced_url(self) -> str:
        return self.query.list_url(*unpriced_clauses())

    @cached_property
    def is_empty(self) -> bool:
        """Tells whether there is no run at all, in any range."""
        return not self.hours_to_count and not self.figures.runs and not Run.objects.exists()

    @property
    def days_begin(self) -> str:
        """Names the time that days begin at where none can begin at midnight; "" where they do."""
        days = sorted({day_of(bar.first) for bar in self.figures.bars})
        starts = map(timezone.localtime, [moment_of_hour(start_hour_of(day)) for day in days])
        return ", ".join(dict.fromkeys(f"{one:%H:%M}" for one in starts if one.minute))

    # Groups

    @property
    def group_title(self) -> str:
        return group_title(self.query.group)

    @property
    def group_links(self) -> list[Context]:
        names = [name for name in (*GROUPS, FUNCTION) if name != "connection" or len(self.among) > 1]
        names += [] if self.query.group in names else [self.query.group]
        return [
            {"name": group_title(name), "query": self.query.grouped(name), "is_on": name == self.query.group}
            for name in names
        ]

    @cached_property
    def metadata_keys(self) -> list[KeyLink]:
        return facets.metadata_keys(self.query)

    @cached_property
    def group_sums(self) -> dict[str | int, Sums]:
        column = COLUMN_OF.get(self.query.group)
        found = self.counts.groups() if column is None else self.figures.groups(column)
        return {value: sums for value, sums in found.items() if sums.runs}

    @cached_property
    def groups_before(self) -> dict[str | int, Sums] | None:
        """Returns the sums of the time before; None where they are not compared."""
        column = COLUMN_OF.get(self.query.group)
        if column is None:
            return None if self.groups_progress or self.is_old else self.counts.groups(before=True)
        return self.figures.groups_before(column) if self.has_changes else None

    def group_rows(self, *, most: int | None = None) -> list[GroupRow]:
        """Makes rows of the groups; of `most` at most, those that cost most."""
        total = self.figures.total.cost
        return group_rows(self.query, self.names, self.group_sums, self.groups_before, total=total, most=most)

    @cached_property
    def groups(self) -> list[GroupRow]:
        return self.group_rows(most=MAX_ROWS)

    @cached_property
    def worse(self) -> list[WorseRow]:
        if not self.has_changes:
            return []
        is_own = self.query.group not in COLUMN_OF and not self.groups_progress
        own = (self.counts.groups(), self.counts.groups(before=True)) if is_own else None
        return worse_rows(self.query, self.names, self.figures, own=own)

    # Over time

    @property
    def step(self) -> str:
        return STEPS[self.figures.step_hours]

    @cached_property
    def bars(self) -> ChartBars:
        return ChartBars(self.query, self.figures.bars)

    @cached_property
    def failures(self) -> ChartPanel:
        return failures(self.query, self.bars, self.figures.bars_by_cause, self.step)

    @property
    def chart_group(self) -> str:
        """Returns what bars are made of: a run may use several functions, so those cannot be stacked."""
        return DEFAULT_GROUP if self.query.group == FUNCTION else self.query.group

    @property
    def chart_words(self) -> str:
        """Writes `by model`, and how much of it is counted."""
        progress = f", counted so far: {self.groups_progress}" if self.groups_progress else ""
        return f"by {group_title(self.chart_group).lower()}{progress}"

    @cached_property
    def bars_by_group(self) -> Mapping[tuple[int, str | int], Sums | Fact]:
        column = COLUMN_OF.get(self.chart_group)
        return self.counts.bars() if column is None else self.figures.bars_by(column)

    @cached_property
    def cost(self) -> ChartPanel:
        total = self.figures.total
        note = f"{COST.write(total.cost)} at list prices, {self.chart_words}"
        return self.used(COST, note, self.why_no_cost or f"No tokens were reported for runs of {self.range.brief}.")

    @cached_property
    def tokens(self) -> ChartPanel:
        total = self.figures.total
        all_tokens, completion = TOKENS.axis(total.total_tokens), TOKENS.axis(total.completion_tokens)
        note = f"{all_tokens}, {completion} of them completion, {self.chart_words}"
        return self.used(TOKENS, note, f"No tokens were reported for runs of {self.range.brief}.")

    def used(self, measure: UsedNumber, note: str, nothing: str) -> ChartPanel:
        group, names = self.chart_group, self.names
        return used(
            self.bars,
            self.bars_by_group,
            measure,
            step=self.step,
            note=note,
            nothing=nothing,
            names=lambda value: names.name(group, value),
            clause=lambda value: names.clause(group, value),
        )

    @cached_property
    def took(self) -> ChartPanel:
        return took(self.query, self.bars, self.figures.took_by_bar, self.step)

    @property
    def queue_words(self) -> str:
        """Writes how long completed runs had been queued: `In the queue: 1 s, p95 3 s.`"""
        half, most = self.figures.total.queue_percentiles
        if half is None:
            return "Times in the queue were not reported."
        return f"In the queue: {formats.duration_text(half)}, p95 {formats.duration_text(most)}."

    @property
    def charts(self) -> dict[str, ChartPanel]:
        return {one.name: one for one in (self.failures, self.cost, self.tokens, self.took)}

    # Causes and threads

    @property
    def ended_badly(self) -> int:
        return self.figures.total.ended_badly

    @property
    def ended_badly_url(self) -> str:
        return self.query.list_url(*self.query.statuses(*run_states.NOT_COMPLETED))

    @cached_property
    def causes(self) -> list[CauseRow]:
        return cause_rows(self.query, self.names, self.figures)

    @cached_property
    def waited_for(self) -> list[WaitedFor]:
        return [] if self.query.filter or not self.figures.total.expired else waited_for(self.query)

    @property
    def has_functions(self) -> bool:
        """Tells whether answers to functions are shown: of a filter they are not looked up."""
        return self.query.group == FUNCTION and not self.query.filter

    @cached_property
    def function_answers(self) -> tuple[list[FunctionRow], bool]:
        return function_rows(self.query)

    @property
    def functions(self) -> list[FunctionRow]:
        return self.function_answers[0]

    @property
    def functions_are_cut(self) -> bool:
        return self.function_answers[1]

    @property
    def has_threads(self) -> bool:
        """Tells whether threads are shown: the dearest of a filter cannot be found in bounds."""
        return not self.query.filter

    @cached_property
    def dearest(self) -> Dearest:
        pk = self.connection.pk if self.connection else None
        return dearest_threads(self.range.span, connection_id=pk, limit=MAX_DEAREST)

    @cached_property
    def threads(self) -> list[DearestRow]:
        return dearest_rows(self.query, self.dearest, among=self.among)
