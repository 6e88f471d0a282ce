"""A migrated, empty SQLite database that every process of every test run begins with a copy of.

It is kept under `var/tests/`, for one state of the migrations and of Django.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "var" / "tests"
# The project's own: its cache is a table, which the settings of the test run do not need.
SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "runsdash.settings",
    "SECRET_KEY": "only-for-tests-" + "x" * 40,
    "CACHE_URL": "dbcache://runsdash_cache",
    "RUNSDASH_API_BASE_URL": "",
}


def migrated_database() -> Path:
    """The path of the database. The first process that asks migrates it, others wait for it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = FOLDER / f"migrated-{digest()}.sqlite3"
        if not made.exists():
            for old in FOLDER.glob("*.sqlite3*"):
                old.unlink()
            unfinished = FOLDER / "unfinished.sqlite3"
            subprocess.run(
                [sys.executable, "manage.py", "migrate", "--verbosity", "0"], check=True, timeout=100, cwd=ROOT,
                env=os.environ | SETTINGS | {"DATABASE_URL": f"sqlite:///{unfinished}"},
            )  # fmt: skip
            unfinished.rename(made)
    return made


def digest() -> str:
    """Names what the database was made of: the migrations, and the versions of packages."""
    found = hashlib.sha256()
    for path in (ROOT / "requirements.txt", *sorted(ROOT.glob("runsdash/**/migrations/*.py"))):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]
