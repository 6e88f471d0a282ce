"""Runs tests of search, full text, snapshots and imports on PostgreSQL, on a cluster of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import postgres

FILES = [
    "tests/index/search/test_search.py",
    "tests/index/fulltext/test_fulltext.py",
    "tests/index/search/test_query_plans.py",
]
# Processes of an import only read lines; what they wrote would be the same as without them on any engine.
ON_ANY_ENGINE = "tests/index/importing/test_import.py::test_processes_give_the_same"
TAKEN_IN = [
    "tests/index/snapshots/test_upsert.py",
    "tests/index/importing/test_import.py",
    "tests/index/exporting/test_export.py",
]
TAKEN_IN += [
    "tests/index/storage/test_locks.py",
    "tests/index/storage/test_constraints.py",
    "tests/index/importing/test_two_writers.py",
]
TAKEN_IN += ["tests/index/exporting/test_export_files.py::test_files_come_back_as_they_were_each_once"]
TAKEN_IN += [
    "tests/index/exporting/test_export_files.py::test_a_second_import_changes_nothing_and_the_newer_copy_stays"
]
TAKEN_IN += ["tests/index/storage/test_leases.py", "tests/sync/jobs/test_jobs.py"]
TAKEN_IN += ["tests/index/totals/test_pricing.py::test_runs_are_priced_while_others_take_snapshots_of_them"]
ROOT = Path(__file__).resolve().parents[2]
TIME_S = 600


@pytest.mark.slow
@pytest.mark.timeout(TIME_S + 30)
@pytest.mark.skipif(bool(postgres.missing()), reason=postgres.missing() or "PostgreSQL is here")
@pytest.mark.skipif("postgres" in os.environ.get("DATABASE_URL", ""), reason="these run on PostgreSQL already")
def test_the_same_answers_on_postgresql() -> None:
    with postgres.Postgres() as server:
        given = os.environ | {"DATABASE_URL": server.database("words")}
        chosen = ["-q", "-x", "-p", "no:cacheprovider", "--deselect", ON_ANY_ENGINE, *FILES, *TAKEN_IN]
        command = [sys.executable, "-m", "pytest", *chosen]
        ended = subprocess.run(
            command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=TIME_S, check=False
        )
    assert ended.returncode == 0, ended.stdout[-4000:]
