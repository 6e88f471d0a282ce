"""Marks answers that show a copy because the upstream failed. See the contract, section Answers."""

from django.http import HttpResponse
from django.utils import timezone

from runsdash.index.models import Run, Thread

STALE_HEADER = "X-RunsDash-Stale"


def copy_age_s(row: Run | Thread) -> int:
    """Returns the age of the copy in whole seconds; 0 when there is none."""
    return int(row.copy_age(timezone.now()).total_seconds())


def mark_stale(response: HttpResponse, row: Run | Thread) -> HttpResponse:
    """Sets the header when the last refresh of `row` (a run or thread) failed."""
    if row.trouble:
        response[STALE_HEADER] = str(copy_age_s(row))
    return response
