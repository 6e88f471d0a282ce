"""Counts in spans of whole hours (UTC), as rollups and the overview do. Hours are numbered from 1970.

A day of the reader begins with the hour that its midnight falls into, so that days are made of whole hours. In most
zones that is midnight; in those that are half an hour beside UTC, half an hour before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise

from django.utils import timezone

from runsdash.index.reader_days import start_of
from runsdash.index.storage.keys import HASH_BITS

HOUR_S = 3600
DAY_HOURS = 24
HOUR_KEYS = HOUR_S << HASH_BITS  # our keys of one hour, see storage/keys.py
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def hour_of(moment: datetime) -> int:
    return int(moment.timestamp()) // HOUR_S


def hour_of_key(key: int) -> int:
    """Returns the hour that an object with this key was created in."""
    return key // HOUR_KEYS


def moment_of(hour: int) -> datetime:
    return EPOCH + timedelta(hours=hour)


def start_hour_of(day: date) -> int:
    """Returns the first hour of a day of the reader."""
    return hour_of(start_of(day))


def day_of(hour: int) -> date:
    """Returns the day of the reader that an hour counts to."""
    return day_in(timezone.get_current_timezone(), hour)


@lru_cache(maxsize=4096)
def day_in(zone: tzinfo, hour: int) -> date:
    """Returns the day of the current zone, which `zone` is. Kept, since a page asks for the same ones often."""
    day = timezone.localtime(moment_of(hour), zone).date()
    following = day + timedelta(days=1)
    return following if start_hour_of(following) <= hour else day


@dataclass(frozen=True, order=True)
class Span:
    """Holds the hours from `first` on, up to `end` which is not included."""

    first: int
    end: int

    @property
    def hours(self) -> int:
        return self.end - self.first

    @property
    def start_at(self) -> datetime:
        return moment_of(self.first)

    @property
    def end_at(self) -> datetime:
        return moment_of(self.end)

    @property
    def keys(self) -> dict[str, int]:
        """Returns bounds on keys, for filter(): rows are found without looking at times."""
        return {"pk__gte": self.first * HOUR_KEYS, "pk__lt": self.end * HOUR_KEYS}

    def shifted(self, hours: int) -> "Span":
        return Span(self.first + hours, self.end + hours)


def day_starts(span: Span, step: int = 1) -> list[int]:
    """Returns the first hours of each `step`-th day. One that a zone has left out begins when the next one does."""
    first, last = day_of(span.first), day_of(span.end - 1)
    return sorted({start_hour_of(first + timedelta(days=at)) for at in range(0, (last - first).days + 1, step)})


def zone_starts(starts: Sequence[int]) -> set[int]:
    """Returns those that begin a day of 24 hours which is none of UTC. `starts`: of days one after the other."""
    return {start for start, end in pairwise(starts) if end - start == DAY_HOURS and start % DAY_HOURS}


def spans_of(hours: set[int]) -> list[Span]:
    """Finds the fewest spans that hold these hours."""
    found: list[Span] = []
    for hour in sorted(hours):
        if found and found[-1].end == hour:
            found[-1] = Span(found[-1].first, hour + 1)
        else:
            found.append(Span(hour, hour + 1))
    return found
