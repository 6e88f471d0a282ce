"""Runs tests of search, full text, snapshots and imports on PostgreSQL, on a cluster of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import postgres
from tests.migrated import CLUSTER

FILES = [
    "tests/index/snapshots/test_upsert.py",
    "tests/index/storage/test_leases.py",
]
LEFT = "not in_any_order"  # its drawn examples take longest, and `make test-postgres` draws them
ROOT = Path(__file__).resolve().parents[2]
TIME_S = 300


@pytest.mark.timeout(TIME_S + 30)
@pytest.mark.skipif(bool(postgres.missing()), reason=postgres.missing() or "PostgreSQL is here")
@pytest.mark.skipif("postgres" in os.environ.get("DATABASE_URL", ""), reason="these run on PostgreSQL already")
def test_the_same_answers_on_postgresql() -> None:
    with postgres.Postgres() as server:
        server.make_migrated()
        given = os.environ | {"DATABASE_URL": server.database("words"), CLUSTER: server.url("postgres")}
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", LEFT, *FILES]
        ended = subprocess.run(
            command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=TIME_S, check=False
        )
    assert ended.returncode == 0, ended.stdout[-4000:]
