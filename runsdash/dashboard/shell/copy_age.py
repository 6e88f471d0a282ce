"""Marks answers that show a copy because the upstream failed. See the contract, section Answers."""

from django.db.models import Model
from django.http import HttpResponse
from django.utils import timezone

STALE_HEADER = "X-RunsDash-Stale"


def copy_age_s(row: Model) -> int:
    """Whole seconds since the copy was fetched; 0 when it never was."""
    return max(0, int((timezone.now() - row.fetched_at).total_seconds())) if row.fetched_at else 0


def mark_stale(response: HttpResponse, row: Model) -> HttpResponse:
    """Sets the header when the last refresh of `row` (a run or thread) failed."""
    if row.trouble:
        response[STALE_HEADER] = str(copy_age_s(row))
    return response
