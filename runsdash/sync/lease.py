"""Lets one process of many read from the upstream: a conditional UPDATE decides which."""

import secrets
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from runsdash.index.models import Run, Thread
from runsdash.index.storage.column_types import ColumnValue

LEASE_MARGIN_S = 2.0  # held a little longer than the reader's deadline


def take(row: Run | Thread, *, hold_s: float) -> str | None:
    """Returns a token when this caller may read, None when another does, or has since the row was looked at."""
    now, token = timezone.now(), secrets.token_hex(8)
    until = now + timedelta(seconds=hold_s + LEASE_MARGIN_S)
    stored = connection.ops.adapt_datetimefield_value
    # Not read since, and not being read just then: a row whose answers are just being stored looks old.
    checked, moment = ("IS NULL", []) if row.checked_at is None else ("= %s", [stored(row.checked_at)])
    sql = (
        f"UPDATE {connection.ops.quote_name(row._meta.db_table)} SET lease_until = %s, lease_token = %s"
        f" WHERE id = %s AND (lease_until IS NULL OR lease_until < %s) AND lease_token = %s AND checked_at {checked}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [stored(until), token, row.pk, stored(now), row.lease_token, *moment])
        return token if cursor.rowcount == 1 else None


def give_back(row: Run | Thread, token: str, **columns: ColumnValue) -> None:
    """Frees the lease if it is still ours, and writes `columns` either way."""
    type(row).objects.filter(pk=row.pk, lease_token=token).update(lease_until=None, lease_token="")
    if columns:
        type(row).objects.filter(pk=row.pk).update(**columns)
