"""Empties the tables after tests that commit. Django's `flush` does the same in several times the time."""

from functools import cache

from django.core.management.color import no_style
from django.db import OperationalError, transaction
from django.db import connection as database

from runsdash.audit.models import AuditEntry
from runsdash.audit.triggers import guard_entries, unguard_entries

TRIES = 3


def empty_tables() -> None:
    for left in reversed(range(TRIES)):
        try:
            with transaction.atomic():
                delete_all()
            break
        except OperationalError:  # PostgreSQL ended it for a thread that still read or wrote
            if not left:
                raise
    guard_entries(database)  # some test may have taken the triggers away


def delete_all() -> None:
    """Deletes what is there: a new trigger makes every connection read the whole schema again."""
    if database.vendor != "sqlite" or AuditEntry.objects.exists():
        unguard_entries(database)  # the database refuses to delete audit entries
    with database.cursor() as cursor:
        for statement in database.ops.sql_flush(no_style(), filled_tables()):
            cursor.execute(statement)


def filled_tables() -> list[str]:
    """Tables with rows; on PostgreSQL all, since it empties none alone that others refer to."""
    if database.vendor != "sqlite":
        return list(tables())
    asked = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM \"{name}\")" for name in tables())
    with database.cursor() as cursor:
        return [name for (name,) in cursor.execute(asked).fetchall()]


@cache
def tables() -> tuple[str, ...]:
    return tuple(database.introspection.django_table_names(only_existing=True, include_views=False))
