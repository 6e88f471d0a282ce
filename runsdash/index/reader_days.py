"""Says when a day begins: at midnight in the time zone of whoever asks. Filters and the overview share it.

The zone is Django's current one, which the middleware takes from the reader's profile.
"""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils import timezone


def zone_named(name: str) -> ZoneInfo:
    """Returns the zone of a profile; UTC where this machine knows no such zone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def start_of(day: date) -> datetime:
    """Returns when a day begins: at the first of two midnights, and as clocks are set where there is none."""
    return timezone.make_aware(datetime.combine(day, time()))
