"""One migrated, empty SQLite database for a whole test run: every process of the run begins with a copy of it."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path


def migrated_database(folder: Path) -> Path:
    """The path of the database under `folder`; the first process that asks migrates it, the others wait for it."""
    made = folder / "migrated.sqlite3"
    with (folder / "migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            unfinished = folder / "unfinished.sqlite3"
            subprocess.run(
                [sys.executable, "manage.py", "migrate", "--verbosity", "0"], check=True, timeout=100,
                env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": f"sqlite:///{unfinished}"},
            )  # fmt: skip
            unfinished.rename(made)
    return made
