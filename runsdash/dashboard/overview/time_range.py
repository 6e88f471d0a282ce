"""Parses which span the overview shows: `?range=24h`, `7d`, `30d`, or `?from=&to=`. Whole hours in UTC.

24 h are the last 24 hours, days are whole ones; both with the one under way. A date in `to` means: that day included.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from runsdash.index.search.run_filter import Clause
from runsdash.index.totals.hour_spans import DAY_HOURS, EPOCH, Span, hour_of

RANGES = {"24h": "24 h", "7d": "7 d", "30d": "30 d"}
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
        """Writes `7 d`, for “on the prior 7 d”."""
        if self.name:
            return RANGES[self.name]
        days, hours = divmod(self.span.hours, DAY_HOURS)
        return " ".join([f"{days} d"] * (days > 0) + [f"{hours} h"] * (hours > 0))

    @property
    def words(self) -> str:
        """Writes `the last 7 d`, or the two moments, for headings."""
        return f"the last {self.length}" if self.name else f"{self.start_text} to {self.end_text} UTC"

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

    @property
    def query(self) -> dict[str, str]:
        """Returns the address of this range."""
        if self.name:
            return {"range": self.name}
        return {"from": f"{self.span.start_at:%Y-%m-%dT%H:%MZ}", "to": f"{self.span.end_at:%Y-%m-%dT%H:%MZ}"}

    @property
    def from_date(self) -> str:
        return f"{self.span.start_at:%Y-%m-%d}"

    @property
    def to_date(self) -> str:
        """Returns the last day that is included."""
        return f"{self.span.end_at - timedelta(hours=1):%Y-%m-%d}"


def moment_text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


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
    tomorrow = hour - hour % DAY_HOURS + DAY_HOURS
    return Span(tomorrow - int(name[:-1]) * DAY_HOURS, tomorrow)


def time_range_of(query: QueryDict) -> TimeRange:
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
    if span.hours > MAX_DAYS * DAY_HOURS:
        raise RangeError(f"The overview shows at most {MAX_DAYS} days.")
    return span


def moment_of(text: str, *, is_end: bool = False) -> datetime:
    """Reads a date or time, in UTC unless it has a zone. A date as an end lasts until the day is over."""
    try:
        day = parse_date(text)
        moment = None if day else parse_datetime(text)
        if day:
            moment = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1 if is_end else 0)
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise RangeError(SHAPE)
    moment = moment if timezone.is_aware(moment) else moment.replace(tzinfo=UTC)
    if not EPOCH <= moment < LATEST:
        raise RangeError("The overview shows the years 1970 to 2099.")
    return moment
