"""Makes the old databases of the future: a small one of today's schema for SQLite, and one for PostgreSQL.

`python -m tests.old_databases.make` writes `tests/old_databases/TODAY.sqlite3.gz` and `TODAY.postgresql.sql.gz`. Files
that are there are never written again: what counts is that they are as old as they say.
"""

import contextlib
import gzip
import sqlite3
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests import postgres
from tests.browser.site import environment
from tests.old_databases import SECRET_KEY
from tests.upstream import ROOT

FOLDER = Path(__file__).resolve().parent
TIME_S = 120


def seeded(folder: Path, **settings: str) -> None:
    """Migrates and fills the database that `settings` name."""
    given = environment(folder, SECRET_KEY=SECRET_KEY, **settings)
    for command in (["manage.py", "migrate", "-v0"], ["-m", "tests.old_databases.seed"]):
        subprocess.run([sys.executable, *command], cwd=ROOT, env=given, check=True, timeout=TIME_S)


def sqlite_file(folder: Path) -> bytes:
    seeded(folder)
    path = folder / "index.sqlite3"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as session:
        session.execute("PRAGMA journal_mode = DELETE")
        session.execute("VACUUM")
    return path.read_bytes()


def postgresql_dump(folder: Path) -> bytes:
    with postgres.Postgres() as server:
        url = server.database("runsdash")
        seeded(folder, DATABASE_URL=url)
        return postgres.dump_of(url).encode()


def make(name: str) -> None:
    wanted = {FOLDER / f"{name}.sqlite3.gz": sqlite_file, FOLDER / f"{name}.postgresql.sql.gz": postgresql_dump}
    there = [str(path) for path in wanted if path.exists()]
    if there:
        sys.exit(f"There already: {', '.join(there)}. Old databases are kept as they are.")
    if postgres.missing():
        sys.exit(postgres.missing())
    made = {}
    for path, content in wanted.items():
        with tempfile.TemporaryDirectory(prefix="old-") as folder:
            made[path] = gzip.compress(content(Path(folder)), mtime=0)
    for path, packed in made.items():
        path.write_bytes(packed)
        print(f"{path.relative_to(ROOT)}: {len(packed):,} bytes")


if __name__ == "__main__":
    make(f"{datetime.now(UTC):%Y-%m-%d}")
