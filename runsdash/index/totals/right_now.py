"""What is so right now, whenever it began: active runs, those that wait for a person, those that are overdue.

Active runs are few, and the indexes on status find them; sums of the past are in index/totals/overview_totals.py.
"""

from collections import Counter
from datetime import timedelta

from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from runsdash.index.models import Connection, Run
from runsdash.index.storage.keys import first_key_of
from runsdash.service.statuses import RunStatus

ACTIVE = [status.value for status in RunStatus if status.is_active]
OVERDUE_AFTER = timedelta(minutes=15)
MOST_WAITING = 1000  # counted no further


def of(connection: Connection | None) -> QuerySet[Run]:
    return Run.objects.all() if connection is None else Run.objects.filter(connection=connection)


def active_by_status(connection: Connection | None) -> Counter[str]:
    rows = of(connection).filter(status__in=ACTIVE).order_by().values_list("status").annotate(n=Count("id"))
    return Counter(dict(rows))


def unanswered(connection: Connection | None) -> QuerySet[Run]:
    """Runs that wait for a person, late ones too. Those of a thread that is gone wait for nobody."""
    return of(connection).filter(status=RunStatus.REQUIRES_ACTION.value, thread__is_gone=False)


def waiting(connection: Connection | None) -> QuerySet[Run]:
    """Runs that wait for a person and can still be answered, soonest expiry first."""
    runs = unanswered(connection).filter(Q(expires_at__gt=timezone.now()) | Q(expires_at=None))
    return runs.order_by(F("expires_at").asc(nulls_last=True), "pk")


def waiting_count(connection: Connection | None) -> int:
    """For badges; MOST_WAITING stands for as many or more."""
    return waiting(connection).order_by()[:MOST_WAITING].count()


def overdue(connection: Connection | None) -> QuerySet[Run]:
    """Active by our last look, yet past their expiry or older than OVERDUE_AFTER; not what `waiting` lists."""
    now = timezone.now()
    is_late = Q(expires_at__lt=now) | Q(pk__lt=first_key_of(now - OVERDUE_AFTER))
    still_waits = Q(status=RunStatus.REQUIRES_ACTION.value) & (Q(expires_at__gte=now) | Q(expires_at=None))
    late = of(connection).filter(is_late, status__in=ACTIVE, thread__is_gone=False)
    return late.exclude(still_waits).order_by("-pk")
