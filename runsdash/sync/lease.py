"""Lets one process of many read from the upstream: a conditional UPDATE decides which."""

import secrets
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from runsdash.index.models import Run, Thread
from runsdash.index.storage.leases import free

LEASE_MARGIN_S = 2.0  # held a little longer than the reader's deadline


def take(row: Run | Thread, *, hold_s: float) -> str | None:
    """Returns a token when this caller may read, None when another does, or has since the row was looked at."""
    now, token = timezone.now(), secrets.token_hex(8)
    checked = Q(checked_at__isnull=True) if row.checked_at is None else Q(checked_at=row.checked_at)
    # Not read since, and not being read just then: a row whose answers are just being stored looks old.
    unread = checked & Q(lease_token=row.lease_token)
    until = now + timedelta(seconds=hold_s + LEASE_MARGIN_S)
    won = type(row).objects.filter(free(now), unread, pk=row.pk).update(lease_until=until, lease_token=token)
    return token if won else None


def give_back(row: Run | Thread, token: str, **columns: object) -> None:
    """Frees the lease if it is still ours, and writes `columns` either way."""
    type(row).objects.filter(pk=row.pk, lease_token=token).update(lease_until=None, lease_token="")
    if columns:
        type(row).objects.filter(pk=row.pk).update(**columns)
