"""Counts runs by what they are right now, whenever they began. The indexes on status find them."""

from collections import Counter

from django.db.models import Count
from django.utils import timezone

from runsdash.index.models import Connection, Run

MOST_WAITING = 1000  # counted no further


def active_by_status(connection: Connection | None) -> Counter[str]:
    rows = Run.objects.of(connection).active().order_by().values_list("status").annotate(n=Count("id"))
    return Counter(dict(rows))


def waiting_count(connection: Connection | None) -> int:
    """Counts the runs that wait for a person; MOST_WAITING stands for as many or more."""
    return Run.objects.of(connection).waiting(timezone.now()).order_by()[:MOST_WAITING].count()
