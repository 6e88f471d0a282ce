"""Writes the whole database into one file while it is in use, and puts such a file in its place.

Of SQLite it is a database itself, without what was deleted; of PostgreSQL what its own `pg_dump` writes, so these
programs have to be there. Uploads and exports in FILES_DIR are no part of it.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import DatabaseError, connection
from psycopg.conninfo import make_conninfo

from runsdash.accounts.models import User

from .versions import newer_than_code

NO_BACKUP = "is no backup of RunsDash, or is damaged"
OF_SESSION = ("cursor_factory", "context", "prepare_threshold", "client_encoding", "password")  # no words of libpq's


class BackupFailed(Exception):
    """Says in a sentence why nothing was written or put back."""


def write_backup(target: Path) -> None:
    """Writes the database, as it is at one moment, to a new file that its owner alone can read."""
    if target.exists():
        raise BackupFailed(f"{target} is there already. Name a new file, or delete that one first.")
    unfinished = target.with_name(f"{target.name}.part")
    try:
        unfinished.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        if connection.vendor == "sqlite":
            write_sqlite(unfinished)
        else:
            run_program("pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--file", str(unfinished))
        unfinished.replace(target)
    except OSError as error:
        raise BackupFailed(f"{error.filename or target}: {error.strerror or error}.") from error
    finally:
        unfinished.unlink(missing_ok=True)


def write_sqlite(target: Path) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [str(target)])
    except DatabaseError as error:
        raise BackupFailed(f"SQLite could not write {target}: {error}.") from error
    with opened(target):
        pass


def restore_backup(source: Path, *, replace: bool) -> None:
    """Puts a backup in the place of the database. Raises BackupFailed before anything has changed."""
    if not source.is_file():
        raise BackupFailed(f"There is no file {source}.")
    is_sqlite = connection.vendor == "sqlite"
    sentence = newer_than_code(migrations_of_sqlite(source) if is_sqlite else migrations_of_postgresql(source))
    if sentence:
        raise BackupFailed(sentence.replace("The database is", f"{source} is"))
    if not replace and has_users():
        raise BackupFailed("The database is in use: it has users. With --replace all that it holds is given up.")
    (restore_sqlite if is_sqlite else restore_postgresql)(source)


def has_users() -> bool:
    return User._meta.db_table in connection.introspection.table_names() and User.objects.exists()


def migrations_of_sqlite(source: Path) -> list[tuple[str, str]]:
    with opened(source) as given:
        return given.execute("SELECT app, name FROM django_migrations").fetchall()


@contextmanager
def opened(source: Path) -> Iterator[sqlite3.Connection]:
    """Opens a SQLite backup to read, once it was found sound."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(source))}?mode=ro", uri=True)) as given:
            if given.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise BackupFailed(f"{source} {NO_BACKUP}.")
            yield given
    except sqlite3.DatabaseError as error:
        raise BackupFailed(f"{source} {NO_BACKUP}: {error}.") from error


def restore_sqlite(source: Path) -> None:
    """Copies the backup over the file, which nobody else may have open: they would go on with the old one."""
    connection.close()
    with opened(source) as given, closing(sqlite3.connect(connection.settings_dict["NAME"])) as own:
        try:
            mode = own.execute("PRAGMA journal_mode = DELETE").fetchone()
        except sqlite3.OperationalError:
            mode = None
        if mode != ("delete",):
            raise BackupFailed("Others have the database open. Stop the dashboard and the workers first.")
        given.backup(own)


def migrations_of_postgresql(source: Path) -> list[tuple[str, str]]:
    """Reads the rows of django_migrations out of a dump: lines of id, app, name and moment with tabs between."""
    try:
        text = run_program(
            "pg_restore", "--data-only", "--table=django_migrations", "--file=-", str(source), is_local=True
        )
    except BackupFailed as error:
        raise BackupFailed(f"{source} {NO_BACKUP}: {error}") from error
    rows = [line.split("\t") for line in text.splitlines()]
    return [(row[1], row[2]) for row in rows if len(row) == 4 and row[0].isdigit()]


def restore_postgresql(source: Path) -> None:
    connection.close()
    run_program(
        "pg_restore", "--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction",
        "--exit-on-error", str(source),
    )  # fmt: skip


def run_program(name: str, *arguments: str, is_local: bool = False) -> str:
    """Runs one of PostgreSQL's programs on the database. The password goes by the environment, not the arguments."""
    program = shutil.which(name)
    if program is None:
        raise BackupFailed(f"There is no {name} here. Install PostgreSQL's client, at least as new as the server.")
    given = {key: value for key, value in connection.get_connection_params().items() if key not in OF_SESSION}
    target = [] if is_local else ["--dbname", make_conninfo(**given)]
    password = {"PGPASSWORD": str(connection.settings_dict["PASSWORD"])} if connection.settings_dict["PASSWORD"] else {}
    done = subprocess.run(
        [program, *target, *arguments], env=settings.INHERITED_ENVIRONMENT | password, capture_output=True, text=True,
        errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        raise BackupFailed(f"{name} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout
