"""Values of clauses as written by people: moments, spans of time, amounts with units, and ranges of them."""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from runsdash.index.storage.keys import HASH_BITS

SPAN = re.compile(r"-?(\d{1,5})([smhdw])")
UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604_800}
SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhdw]?)")
NUMBER = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)([kKmM]?)")
FACTORS = {"": 1, "k": 1000, "m": 1_000_000}
EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
LARGEST_KEY = 2**63 - 1


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, None where it has no end. `has_low` and `has_high`: does it hold its ends?"""

    low: float | None = None
    high: float | None = None
    has_low: bool = True
    has_high: bool = True


# Amounts


def seconds_of(text: str) -> float | None:
    """`90`, `10s`, `2m`, `1.5h`, `1d` in seconds."""
    found = SECONDS.fullmatch(text)
    return plain(float(found[1]) * UNIT_S[found[2] or "s"]) if found else None


def count_of(text: str) -> float | None:
    """`1200`, `1.2k`, `3M`."""
    found = NUMBER.fullmatch(text.replace(",", ""))
    return plain(float(found[1]) * FACTORS[found[2].lower()]) if found else None


def dollars_of(text: str) -> float | None:
    found = NUMBER.fullmatch(text.removeprefix("$"))
    return float(found[1]) * FACTORS[found[2].lower()] if found else None


def plain(number: float) -> float:
    """A whole number as int, so that it compares exactly with integer columns."""
    return int(number) if number == int(number) else number


# Moments


def moment_of(value: str) -> datetime | None:
    """`24h`, `-24h` and `7d` count back from now; a date or time without a zone is read in the reader's zone."""
    found = SPAN.fullmatch(value)
    if found:
        span = timedelta(seconds=int(found[1]) * UNIT_S[found[2]])
        return max(timezone.now() - span, EARLIEST)
    try:
        moment = parse_datetime(value) if len(value) > 10 else None
        day = parse_date(value) if moment is None else None
    except ValueError:
        return None
    if day is not None:
        moment = datetime(day.year, day.month, day.day)
    if moment is None:
        return None
    try:
        return max(moment if timezone.is_aware(moment) else timezone.make_aware(moment), EARLIEST)
    except OverflowError:
        return None


def is_day(value: str) -> bool:
    return len(value) <= 10 and not SPAN.fullmatch(value)


def end_of(value: str, moment: datetime) -> datetime:
    """The moment after which `value` is over: a date lasts a day."""
    if not is_day(value):
        return moment
    try:
        next_day = timezone.localtime(moment).date() + timedelta(days=1)
    except OverflowError:
        return moment
    return timezone.make_aware(datetime(next_day.year, next_day.month, next_day.day))


def key_from(moment: datetime) -> int:
    """The smallest key of a run created at `moment` or later."""
    return min(math.ceil(moment.timestamp()) << HASH_BITS, LARGEST_KEY)


def key_after(moment: datetime) -> int:
    """The smallest key of a run created later than `moment`."""
    return min(int(moment.timestamp()) + 1 << HASH_BITS, LARGEST_KEY)


@dataclass(frozen=True)
class KeyRange:
    """KeyRange from `low` up to, not including, `high`: a span of creation times."""

    low: int = 0
    high: int = LARGEST_KEY

    def __and__(self, other: "KeyRange") -> "KeyRange":
        return KeyRange(max(self.low, other.low), min(self.high, other.high))

    @property
    def is_everything(self) -> bool:
        return self == KeyRange()
