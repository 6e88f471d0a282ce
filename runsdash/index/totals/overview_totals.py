"""Computes the overview of a span: counts by status and cause, tokens and cost over time, percentiles.

Figures are exact (see totals/span_reads.py), percentiles within 3 %, once `waiting_hours` is 0: until then some of the
span is still to be counted, and no figure of it is to be shown. Everything is computed when asked and kept, so a
page that shows less reads less. Reads the index, asks no upstream.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from runsdash.index import run_states
from runsdash.index.models import AssistantSums, Histogram, Run, RunSums
from runsdash.index.storage.keys import created_at_of

from . import span_reads
from .histogram_buckets import percentile
from .hour_spans import DAY_HOURS, Span, day_of, start_hour_of
from .rollups import MEASURES, Row

SHARES = (0.5, 0.95, 0.99)
LOOKED_AT = 100  # newest runs of a cause that say who has it mostly
TOP = 2  # series of a chart, beside the others together
MAX_HOURS_BY_HOUR = 2 * DAY_HOURS + 1  # a day has 25 hours when clocks are set back
MAX_HOURS_BY_DAY = 62 * DAY_HOURS + 1


@dataclass
class UsageTotals:
    """Adds up what runs used. `unpriced_runs` have tokens, but a model without a known price."""

    runs: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cost: float = 0.0
    unpriced_runs: int = 0

    def add(self, row: Row) -> None:
        """Adds a row; those of assistants have all tokens in one. Written out: a page adds thousands of rows."""
        self.runs += row["runs"]
        self.total_tokens += row["total_tokens"]
        self.cost += row["cost"]
        self.unpriced_runs += row["unpriced_runs"]
        if "prompt_tokens" in row:
            self.prompt_tokens += row["prompt_tokens"]
            self.completion_tokens += row["completion_tokens"]


@dataclass
class Period:
    """Holds one bar of a chart: all runs of its span, and those of the series that are shown one by one."""

    span: Span
    all: UsageTotals = field(default_factory=UsageTotals)
    of: dict[str, UsageTotals] = field(default_factory=lambda: defaultdict(UsageTotals))


@dataclass(frozen=True)
class Cause:
    """Says why runs did not complete. `code`: "" without a reason. `mostly`: (connection key, assistant id)."""

    status: str
    code: str
    runs: int
    last_at: datetime | None
    mostly: tuple[int, str] | None


@dataclass(frozen=True)
class Latency:
    """Holds percentiles in whole seconds by share; empty without runs."""

    measure: str
    runs: int
    at: dict[float, int]


class Figures:
    """Computes the figures of `span`, on one connection or on all. `now_hour` is the hour that has begun last."""

    def __init__(self, span: Span, *, connection_id: int | None, now_hour: int) -> None:
        self.span, self.connection_id, self.now_hour = span, connection_id, now_hour

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
    def sources(self) -> span_reads.Sources:
        return span_reads.sources(self.span, connection_id=self.connection_id, bars=self.bars)

    @cached_property
    def before(self) -> Span:
        """Returns the same part of the range before: what has not passed yet of this one is left out there, too."""
        passed = Span(self.span.first, max(self.span.first, min(self.span.end, self.now_hour + 1)))
        return passed.shifted(-self.span.hours)

    @cached_property
    def by_model(self) -> list[Row]:
        return list(self.sources.rows(RunSums, "since", "model"))

    @cached_property
    def by_outcome(self) -> list[Row]:
        return list(self.sources.rows(RunSums, "status", "error_code", counts=("runs",)))

    # Counts

    @property
    def waiting_hours(self) -> int:
        return self.sources.waiting_hours

    @cached_property
    def by_status(self) -> Counter[str]:
        return added(self.by_outcome, "status")

    @cached_property
    def by_status_before(self) -> Counter[str] | None:
        """Counts the time before; None while sums of it are to be made."""
        earlier = span_reads.sources(self.before, connection_id=self.connection_id)
        return None if earlier.waiting_hours else added(earlier.rows(RunSums, "status", counts=("runs",)), "status")

    @cached_property
    def runs(self) -> int:
        return self.by_status.total()

    @cached_property
    def by_cause(self) -> Counter[tuple[str, str]]:
        """Counts runs by (status, error code) that did not complete, though nobody cancelled them."""
        found: Counter[tuple[str, str]] = Counter()
        for row in self.by_outcome:
            if row["status"] in run_states.NOT_COMPLETED:
                found[row["status"], row["error_code"]] += row["runs"]
        return found

    def causes(self, limit: int) -> list[Cause]:
        """Lists causes, the most frequent first."""
        ordered = sorted(self.by_cause.items(), key=lambda item: (-item[1], item[0]))
        return [self.cause(status, code, runs) for (status, code), runs in ordered[:limit]]

    def cause(self, status: str, code: str, runs: int) -> Cause:
        """Looks at the newest runs of a cause, along the index on codes or on statuses."""
        there = Run.objects.filter(**self.span.keys, **self.sources.of_connection)
        there = there.filter(error_code=code).exclude(error_code="") if code else there.filter(status=status)
        newest = there.order_by("-pk").values_list("status", "error_code", "pk", "connection_id", "assistant_id")
        found = [row for row in newest[:LOOKED_AT] if row[:2] == (status, code)]
        assistants = Counter(row[3:] for row in found)
        mostly = assistants.most_common(1)[0][0] if assistants else None
        return Cause(status, code, runs, created_at_of(found[0][2]) if found else None, mostly)

    # Tokens and cost

    @cached_property
    def total(self) -> UsageTotals:
        found = UsageTotals()
        for row in self.by_model:
            found.add(row)
        return found

    @cached_property
    def models(self) -> dict[str, UsageTotals]:
        return usage_by(self.by_model, "model")

    @cached_property
    def assistants(self) -> dict[str, UsageTotals]:
        """Adds up what runs used by assistant id, the dearest first."""
        found = usage_by(self.sources.rows(AssistantSums, "assistant_id"), "assistant_id")
        return dict(sorted(found.items(), key=lambda item: (-item[1].cost, -item[1].total_tokens, item[0])))

    @cached_property
    def top_models(self) -> list[str]:
        return top_of(self.models)

    @cached_property
    def top_assistants(self) -> list[str]:
        return top_of(self.assistants)

    @cached_property
    def periods(self) -> list[Period]:
        """Makes all bars in order, with the top models in them."""
        found = [Period(span) for span in self.bars]
        starts = [period.span.first for period in found]
        for row in self.by_model:
            period = found[place_of(row, starts)]
            period.all.add(row)
            if row["model"] in self.top_models:
                period.of[row["model"]].add(row)
        return found

    @cached_property
    def periods_by_assistant(self) -> list[Period]:
        """Makes the same bars with the top assistants in them."""
        found = [Period(period.span, period.all) for period in self.periods]
        starts = [period.span.first for period in found]
        for row in self.sources.rows(AssistantSums, "since", "assistant_id", assistant_id=self.top_assistants):
            found[place_of(row, starts)].of[row["assistant_id"]].add(row)
        return found

    # Times

    @cached_property
    def latencies(self) -> list[Latency]:
        """Computes the percentiles of completed runs."""
        buckets: dict[str, Counter[int]] = {measure: Counter() for measure in MEASURES}
        for row in self.sources.rows(Histogram, "measure", "bucket"):
            buckets[row["measure"]][row["bucket"]] += row["runs"]
        return [
            Latency(measure, found.total(), {share: percentile(found.items(), share) for share in SHARES if found})
            for measure, found in buckets.items()
        ]


def added(rows: Iterable[Row], key: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for row in rows:
        found[row[key]] += row["runs"]
    return found


def usage_by(rows: Iterable[Row], key: str) -> dict[str, UsageTotals]:
    found: dict[str, UsageTotals] = defaultdict(UsageTotals)
    for row in rows:
        found[row[key]].add(row)
    return dict(found)


def top_of(usage: dict[str, UsageTotals]) -> list[str]:
    """Finds the names that used most tokens; the nameless is never one of them."""
    named = [(name, one) for name, one in usage.items() if name]
    return [name for name, _ in sorted(named, key=lambda item: (-item[1].total_tokens, item[0]))[:TOP]]


def place_of(row: Row, starts: list[int]) -> int:
    """Finds the bar that a row belongs to."""
    return bisect_right(starts, row["since"]) - 1


def cut(span: Span, step_hours: int) -> list[Span]:
    """Cuts the span into bars: hours, or days of the reader; the first and last may be shorter."""
    starts = [*range(span.first, span.end)] if step_hours == 1 else day_starts(span, step_hours // DAY_HOURS)
    ends = [*starts[1:], span.end]
    return [Span(max(start, span.first), end) for start, end in zip(starts, ends, strict=True)]


def day_starts(span: Span, step: int) -> list[int]:
    """Returns the first hours of each `step`-th day. One that a zone has left out begins when the next one does."""
    first, last = day_of(span.first), day_of(span.end - 1)
    return sorted({start_hour_of(first + timedelta(days=at)) for at in range(0, (last - first).days + 1, step)})
