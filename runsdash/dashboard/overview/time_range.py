"""Parses which span the overview shows: `?range=7d`, `week` and the like, or `?from=&to=`. Whole hours in UTC.

24 h are the last 24 hours, days are whole ones of the reader; both with the one under way. A date in `to` means: that
day included.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from runsdash.index.search.run_filter import Clause
from runsdash.index.totals.hour_spans import DAY_HOURS, EPOCH, Span, day_of, hour_of, start_hour_of
from runsdash.index.totals.hour_spans import moment_of as moment_of_hour

RANGES = {
    "24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days", "today": "Today", "yesterday": "Yesterday",
    "week": "This week", "lastweek": "Last week",
}  # fmt: skip
LENGTHS = {
    "24h": "24 h", "7d": "7 d", "30d": "30 d", "today": "day", "yesterday": "day", "week": "week", "lastweek": "week",
}  # fmt: skip
DEFAULT_RANGE = "7d"
MAX_DAYS = 366
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
SHAPE = "“from” and “to” take a date or time, for example 2026-11-23."


class RangeError(ValueError):
    """Says in a sentence why a range cannot be read."""


@dataclass(frozen=True)
class TimeRange:
    """Holds a span. `name` is one of RANGES, "" for two moments; `error` says why it is another one."""

    name: str
    span: Span
    error: str = ""

    @property
    def length(self) -> str:
        """Writes `7 d`, for “against the 7 d before”."""
        if self.name:
            return LENGTHS[self.name]
        days, hours = self.whole_days, 0
        if not days:
            days, hours = divmod(self.span.hours, DAY_HOURS)
        return " ".join([f"{days} d"] * (days > 0) + [f"{hours} h"] * (hours > 0))

    @property
    def whole_days(self) -> int:
        """Counts days where the span begins and ends with one, whether clocks were set in between; else 0."""
        first, end = day_of(self.span.first), day_of(self.span.end)
        is_whole = start_hour_of(first) == self.span.first and start_hour_of(end) == self.span.end
        return (end - first).days if is_whole else 0

    @property
    def label(self) -> str:
        """Writes `Last 7 days`, or the two dates, for the button that changes it."""
        return RANGES[self.name] if self.name else f"{self.from_date} to {self.to_date}"

    @property
    def words(self) -> str:
        """Writes `the last 7 days`, or the two moments, for sentences."""
        if not self.name:
            return f"{self.start_text} to {self.end_text} {self.zone}"
        label = RANGES[self.name].lower()
        return f"the {label}" if self.name in ("24h", "7d", "30d") else label

    @property
    def brief(self) -> str:
        """Writes it where two moments would be too long, and the page's head has them already."""
        return self.words if self.name else "this range"

    @property
    def start_text(self) -> str:
        return moment_text(self.span.start_at)

    @property
    def end_text(self) -> str:
        return moment_text(self.span.end_at)

    @cached_property
    def query(self) -> dict[str, str]:
        """Returns the address of this range."""
        if self.name:
            return {"range": self.name}
        return {"from": f"{self.span.start_at:%Y-%m-%dT%H:%MZ}", "to": f"{self.span.end_at:%Y-%m-%dT%H:%MZ}"}

    @cached_property
    def clauses(self) -> tuple[Clause, Clause]:
        """Returns the filter of a run list that holds the runs of this range."""
        return clauses_of(self.span)

    @property
    def zone(self) -> str:
        """Names the reader's time zone."""
        return timezone.get_current_timezone_name()

    @property
    def from_date(self) -> str:
        return f"{day_of(self.span.first)}"

    @property
    def to_date(self) -> str:
        """Returns the last day that is included."""
        return f"{day_of(self.span.end - 1)}"


def moment_text(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M}"


def clauses_of(span: Span) -> tuple[Clause, Clause]:
    """Returns the filter of a run list that holds the runs of a span, and no other."""
    return (
        Clause("created", f"{span.start_at:%Y-%m-%dT%H:%MZ}", ">="),
        Clause("created", f"{span.end_at:%Y-%m-%dT%H:%MZ}", "<"),
    )


def named_span(name: str, *, now: datetime) -> Span:
    hour = hour_of(now)
    if name == "24h":
        return Span(hour - DAY_HOURS + 1, hour + 1)
    today = day_of(hour)
    monday = today - timedelta(days=today.weekday())
    first, days = {
        "7d": (today - timedelta(days=6), 7),
        "30d": (today - timedelta(days=29), 30),
        "today": (today, 1),
        "yesterday": (today - timedelta(days=1), 1),
        "week": (monday, 7),
        "lastweek": (monday - timedelta(days=7), 7),
    }[name]
    return Span(start_hour_of(first), start_hour_of(first + timedelta(days=days)))


def time_range_of(query: Mapping[str, str]) -> TimeRange:
    """Reads the address and never fails: the fallback is seven days, with a sentence in `error`."""
    now, error = timezone.now(), ""
    start, end, name = (query.get(key, "").strip() for key in ("from", "to", "range"))
    if start or end:
        try:
            return TimeRange("", custom_span(start, end, now=now))
        except RangeError as problem:
            error, name = str(problem), ""
    if name and name not in RANGES:
        error, name = f"“{name[:40]}” is not a range. Ranges are {', '.join(RANGES)}.", ""
    name = name or DEFAULT_RANGE
    return TimeRange(name, named_span(name, now=now), error)


def custom_span(start_text: str, end_text: str, *, now: datetime) -> Span:
    """Returns the whole hours that hold both moments, up to now without an end. Raises RangeError."""
    start = moment_of(start_text)
    end = moment_of(end_text, is_end=True) if end_text else now
    if end <= start:
        raise RangeError("The range ends before it starts.")
    span = Span(hour_of(start), hour_of(end - timedelta(microseconds=1)) + 1)
    if span.hours > MAX_DAYS * DAY_HOURS + 1:  # clocks may have been set back
        raise RangeError(f"The overview shows at most {MAX_DAYS} days.")
    return span


def moment_of(text: str, *, is_end: bool = False) -> datetime:
    """Reads a date or time, in the reader's zone unless it has one. A date as an end lasts until the day is over."""
    try:
        day = parse_date(text)
        moment = None if day else parse_datetime(text)
        if day:
            moment = moment_of_hour(start_hour_of(day + timedelta(days=1 if is_end else 0)))
        elif moment and timezone.is_naive(moment):
            moment = timezone.make_aware(moment)
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise RangeError(SHAPE)
    if not EPOCH <= moment < LATEST:
        raise RangeError("The overview shows the years 1970 to 2099.")
    return moment
