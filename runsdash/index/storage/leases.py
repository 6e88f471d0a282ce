"""Decides who may work on a row: whoever holds its lease.

Rows are the queue, and a worker that dies loses what it held when its time is up. Callers say which rows they
could work on and in which order; this module takes one of them.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from runsdash.index.storage.column_types import ColumnValue

LOOK_EVERY_S = 0.25  # how often a worker looks for something to do
Row = TypeVar("Row", bound=Model)


def free(now: datetime) -> Q:
    """Matches rows that nobody holds."""
    return Q(lease_until__isnull=True) | Q(lease_until__lt=now)


def claim(rows: QuerySet[Row], *, hold: Callable[[Row], timedelta], **columns: ColumnValue) -> Row | None:
    """Takes the first of `rows` that nobody holds and writes `columns` to it. None when there is none.

    A look that finds nothing is one statement and locks nothing. On PostgreSQL nobody waits for one who is claiming;
    on SQLite the transaction holds the file.
    """
    now = timezone.now()
    rows = rows.filter(free(now))
    if not rows.exists():
        return None
    with transaction.atomic():
        row = rows.select_for_update(skip_locked=True, of=("self",)).first()
        if row is not None:
            type(row)._default_manager.filter(pk=row.pk).update(lease_until=now + hold(row), **columns)
            row.refresh_from_db(fields=["lease_until", *columns])
    return row
