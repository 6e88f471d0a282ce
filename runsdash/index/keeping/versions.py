"""Says whether a database, or a backup, is of a later version than this code."""

from collections.abc import Iterable

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

NAMED = 3  # migrations in the sentence


def newer_than_code(applied: Iterable[tuple[str, str]]) -> str:
    """Returns a sentence when some of the migrations (app, name) are unknown here; else ""."""
    known = set(MigrationLoader(None).disk_migrations)
    ours = {one.label for one in apps.get_app_configs() if one.name.startswith("runsdash.")}
    unknown = sorted(f"{app}.{name}" for app, name in applied if app in ours and (app, name) not in known)
    if not unknown:
        return ""
    more = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
    return (
        "The database is of a later version of RunsDash: it has had the migrations "
        f"{', '.join(unknown[:NAMED])}{more}. Take that version again, or restore a backup that was made before."
    )


def applied_migrations() -> list[tuple[str, str]]:
    return list(MigrationRecorder(connection).applied_migrations())


def refuse_newer_database() -> None:
    """Raises ImproperlyConfigured when the database is newer. One that does not answer, or is empty, is let pass."""
    try:
        sentence = newer_than_code(applied_migrations())
    except Error:
        return
    if sentence:
        raise ImproperlyConfigured(sentence)
