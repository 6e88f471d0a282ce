"""Changes settings of the database session while an import writes: room for pages in no order, and for new words.

What was committed last may be lost when the power fails; the import is then begun again. That is so of nothing else
that a session writes, so they end with the import.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from django.db import connection as database

from runsdash.index.storage.column_types import SqlValue

WANTED: dict[str, dict[str, SqlValue]] = {
    # Pages of indexes change with each transaction: from a log of 128 MB they are copied once, not each time.
    "sqlite": {"cache_size": -131_072, "wal_autocheckpoint": 16_384},
    # Words pack four times as fast by lz4.
    "postgresql": {"gin_pending_list_limit": "64MB", "synchronous_commit": "off", "default_toast_compression": "lz4"},
}
KNOWS_LZ4 = "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"


@contextmanager
def settings_of_the_session(values: Mapping[str, SqlValue]) -> Iterator[None]:
    """Sets them inside, and afterwards what they were."""
    before = current_settings(values)
    change_to(values)
    try:
        yield
    finally:
        change_to(before)


def wanted_settings() -> dict[str, SqlValue]:
    """Chooses them by engine, without what a server was not built with."""
    values = dict(WANTED[database.vendor])
    if database.vendor == "postgresql":
        with database.cursor() as cursor:
            cursor.execute(KNOWS_LZ4)
            if cursor.fetchone() != (True,):
                del values["default_toast_compression"]
    return values


def current_settings(names: Iterable[str]) -> dict[str, SqlValue]:
    """Reads what they are now."""
    found = {}
    with database.cursor() as cursor:
        for name in names:
            cursor.execute(*reading_sql(name))
            found[name] = cursor.fetchone()[0]
    return found


def change_to(values: Mapping[str, SqlValue]) -> None:
    with database.cursor() as cursor:
        for name, value in values.items():
            cursor.execute(*changing_sql(name, value))


def reading_sql(name: str) -> tuple[str, list[SqlValue]]:
    return ("SELECT current_setting(%s)", [name]) if database.vendor == "postgresql" else (f"PRAGMA {name}", [])


def changing_sql(name: str, value: SqlValue) -> tuple[str, list[SqlValue]]:
    if database.vendor == "postgresql":
        return "SELECT set_config(%s, %s, false)", [name, value]
    return f"PRAGMA {name} = {value!s}", []
