"""Which span of time the overview shows: `?range=24h`, `7d`, `30d`, or `?from=&to=`."""

from dataclasses import dataclass
from datetime import timedelta

from django.http import QueryDict
from django.utils import timezone

from runsdash.index.counts import Window
from runsdash.index.filters import moment_of

RANGES = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
DEFAULT_RANGE = "7d"


@dataclass(frozen=True)
class TimeRange:
    """`name` is one of RANGES or empty; `since` and `until` are values of the filter language; `error` a sentence."""

    name: str
    window: Window
    since: str
    until: str = ""
    error: str = ""

    @property
    def clauses(self) -> str:
        return f"since:{self.since}" + (f" until:{self.until}" if self.until else "")

    @property
    def words(self) -> str:
        """For headings: `the last 7 d`, or the two moments."""
        if self.name:
            return f"the last {self.name[:-1]} {self.name[-1]}"
        return f"{self.since} to {self.until or 'now'}"

    @property
    def query(self) -> dict[str, str]:
        return {"range": self.name} if self.name else {"from": self.since, "to": self.until}


def named_range(name: str, *, error: str = "") -> TimeRange:
    return TimeRange(name, Window(timezone.now() - RANGES[name]), since=name, error=error)


def asked_range(query: QueryDict) -> TimeRange:
    """Never fails: what cannot be read falls back to seven days, with a sentence in `error`."""
    start_text, end_text = query.get("from", "").strip(), query.get("to", "").strip()
    if not start_text and not end_text:
        name = query.get("range", DEFAULT_RANGE)
        known = name in RANGES
        error = "" if known else f"“{name[:40]}” is not a range. Ranges are {', '.join(RANGES)}."
        return named_range(name if known else DEFAULT_RANGE, error=error)
    start, end = moment_of(start_text), moment_of(end_text) if end_text else None
    if start is None or (end_text and end is None):
        return named_range(DEFAULT_RANGE, error="“from” and “to” take a date or time, for example 2026-11-23.")
    if (end or timezone.now()) <= start:
        return named_range(DEFAULT_RANGE, error="The range ends before it starts.")
    return TimeRange("", Window(start, end), since=start_text, until=end_text)
