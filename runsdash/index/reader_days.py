"""Says when a day begins: at midnight in the time zone of whoever asks. Filters and the overview share it.

The zone is Django's current one, which the middleware takes from the reader's profile.
"""

from datetime import date, datetime, time

from django.utils import timezone


def start_of(day: date) -> datetime:
    """Returns when a day begins: at the first of two midnights, and as clocks are set where there is none."""
    return timezone.make_aware(datetime.combine(day, time()))
