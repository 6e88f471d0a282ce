"""Single flight across processes: one conditional UPDATE decides who reads from the upstream."""

import secrets
from datetime import timedelta

from django.db.models import Model, Q
from django.utils import timezone

LEASE_MARGIN_S = 2.0  # held a little longer than the reader's deadline


def take(row: Model, *, hold_s: float) -> str | None:
    """A token when this caller may read, None when somebody else already does."""
    now, token = timezone.now(), secrets.token_hex(8)
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    until = now + timedelta(seconds=hold_s + LEASE_MARGIN_S)
    won = type(row).objects.filter(free, pk=row.pk).update(lease_until=until, lease_token=token)
    return token if won else None


def give_back(row: Model, token: str, **columns: object) -> None:
    """Frees the lease if it is still ours, and writes `columns` either way."""
    type(row).objects.filter(pk=row.pk, lease_token=token).update(lease_until=None, lease_token="")
    if columns:
        type(row).objects.filter(pk=row.pk).update(**columns)
