"""A migrated, empty database that every process of every test run begins with a copy of.

It is kept under `var/tests/`, for one state of the migrations and of Django: as a file of SQLite, and as statements, of
which `tests/postgres.py` makes one in its cluster.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parent.parent
CLUSTER = "RUNSDASH_TEST_CLUSTER"  # set by tests/postgres.py: where `migrated` is
MIGRATE_S = 300
FOLDER = ROOT / "var" / "tests"
# The project's own: its cache is a table, which the settings of the test run do not need.
SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "runsdash.settings",
    "SECRET_KEY": "only-for-tests-" + "x" * 40,
    "CACHE_URL": "dbcache://runsdash_cache",
    "RUNSDASH_API_BASE_URL": "",
}


def migrated_database() -> Path:
    """The path of the database of SQLite."""
    return kept("sqlite3", lambda path: migrate(f"sqlite:///{path}"))


def kept(suffix: str, make: Callable[[Path], None]) -> Path:
    """The path of what is kept with this suffix. The first process that asks makes it, others wait for it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = FOLDER / f"migrated-{digest()}.{suffix}"
        if not made.exists():
            for old in FOLDER.glob(f"*.{suffix}*"):
                old.unlink()
            unfinished = FOLDER / f"unfinished.{suffix}"
            make(unfinished)
            unfinished.rename(made)
    return made


def migrate(url: str) -> None:
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    environment = os.environ | SETTINGS | {"DATABASE_URL": url}
    subprocess.run(command, check=True, timeout=MIGRATE_S, cwd=ROOT, env=environment)


def copy_in_cluster(name: str) -> bool:
    """Makes the database `name` a copy of the cluster's migrated one. False in a cluster that has none."""
    cluster = os.environ.get(CLUSTER, "")
    if cluster:
        with psycopg.connect(cluster, autocommit=True) as session:
            session.execute(f'DROP DATABASE IF EXISTS "{name}"')
            session.execute(f'CREATE DATABASE "{name}" TEMPLATE migrated STRATEGY FILE_COPY')
    return bool(cluster)


def digest() -> str:
    """Names what the database was made of: the migrations, and the versions of packages."""
    found = hashlib.sha256()
    for path in (ROOT / "requirements.txt", *sorted(ROOT.glob("runsdash/**/migrations/*.py"))):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]
