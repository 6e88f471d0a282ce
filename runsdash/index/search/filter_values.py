"""Reads the values of clauses as people write them: moments, amounts with units, and ranges of both.

Owns units, time zones and how a moment becomes a bound on keys. What cannot be read is None; nothing raises here but
`checked_moment`. Knows no names of clauses and asks no database.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from runsdash.index.reader_days import start_of
from runsdash.index.storage.keys import HASH_BITS

SPAN = re.compile(r"-?(\d{1,5})([smhdw])")
UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604_800}
SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhdw]?)")
NUMBER = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)([kKmM]?)")
FACTORS = {"": 1, "k": 1000, "m": 1_000_000}
EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
LARGEST_KEY = 2**63 - 1


# Amounts


def seconds_of(text: str) -> float | None:
    """Reads `90`, `10s`, `2m`, `1.5h`, `1d` as seconds."""
    match = SECONDS.fullmatch(text)
    return exact(float(match[1]) * UNIT_S[match[2] or "s"]) if match else None


def span_of(seconds: int) -> str:
    """Writes seconds as `seconds_of` and `moment_of` read them, in the largest unit that fits: `15m`."""
    unit = next((unit for unit in "wdhm" if seconds and seconds % UNIT_S[unit] == 0), "s")
    return f"{seconds // UNIT_S[unit]}{unit}"


def count_of(text: str) -> float | None:
    """Reads `1200`, `1.2k`, `3M`."""
    match = NUMBER.fullmatch(text.replace(",", ""))
    return exact(float(match[1]) * FACTORS[match[2].lower()]) if match else None


def dollars_of(text: str) -> float | None:
    """Reads `0.25`, `$0.25`, `1k`."""
    match = NUMBER.fullmatch(text.removeprefix("$"))
    return float(match[1]) * FACTORS[match[2].lower()] if match else None


def exact(number: float) -> float:
    """Returns a whole number as int, so that it compares exactly with integer columns."""
    return int(number) if number == int(number) else number


# Moments

# Days by a word, as counted from today; weeks begin on Monday.
DAYS_BY_WORD: dict[str, Callable[[date], tuple[date, int]]] = {
    "today": lambda today: (today, 1),
    "yesterday": lambda today: (today - timedelta(days=1), 1),
    "last-week": lambda today: (today - timedelta(days=today.weekday() + 7), 7),
}


def moment_of(value: str) -> datetime | None:
    """Reads a moment. `24h`, `-24h` and `7d` count back from now; without a zone, the reader's is meant.

    Of days (`2026-11-23`, `yesterday`, `last-week`) it is where they begin.
    """
    span = SPAN.fullmatch(value)
    if span:
        return max(timezone.now() - timedelta(seconds=int(span[1]) * UNIT_S[span[2]]), EARLIEST)
    days = days_of(value)
    try:
        moment = start_of(days[0]) if days else parse_datetime(value) if len(value) > 10 else None
    except ValueError:
        return None
    if moment is None:
        return None
    try:
        return max(moment if timezone.is_aware(moment) else timezone.make_aware(moment), EARLIEST)
    except OverflowError:
        return None


def checked_moment(value: str) -> datetime:
    """Reads a moment of a clause that was found right. Raises ValueError."""
    moment = moment_of(value)
    if moment is None:
        raise ValueError(value)
    return moment


def days_of(value: str) -> tuple[date, int] | None:
    """Reads a day, or several by a word, of the reader: (first day, number of days)."""
    if value in DAYS_BY_WORD:
        today = timezone.localdate()
        return DAYS_BY_WORD[value](today)
    try:
        day = parse_date(value) if len(value) <= 10 else None
    except ValueError:
        return None
    return (day, 1) if day else None


def is_day(value: str) -> bool:
    return days_of(value) is not None


def end_of(value: str, moment: datetime) -> datetime:
    """Returns the moment after which `value` is over: a date lasts until the next one begins."""
    days = days_of(value)
    try:
        return moment if days is None else max(start_of(days[0] + timedelta(days=days[1])), EARLIEST)
    except OverflowError:
        return moment


def key_from(moment: datetime) -> int:
    """Returns the smallest key of a run created at `moment` or later."""
    return min(math.ceil(moment.timestamp()) << HASH_BITS, LARGEST_KEY)


def key_after(moment: datetime) -> int:
    """Returns the smallest key of a run created later than `moment`."""
    return min(int(moment.timestamp()) + 1 << HASH_BITS, LARGEST_KEY)


@dataclass(frozen=True)
class KeyRange:
    """Spans keys from `low` up to, not including, `high`: a span of creation times."""

    low: int = 0
    high: int = LARGEST_KEY

    def __and__(self, other: "KeyRange") -> "KeyRange":
        return KeyRange(max(self.low, other.low), min(self.high, other.high))

    @property
    def is_unbounded(self) -> bool:
        return self == KeyRange()


def key_range_from(value: str) -> KeyRange:
    """Spans keys from the moment on; all of them when no end is named."""
    return KeyRange(low=key_from(checked_moment(value))) if value else KeyRange()


def key_range_to(value: str) -> KeyRange:
    """Spans keys up to and including the moment, or the whole of a day."""
    if not value:
        return KeyRange()
    moment = checked_moment(value)
    return KeyRange(high=key_from(end_of(value, moment)) if is_day(value) else key_after(moment))
