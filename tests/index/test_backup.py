"""Backups of both engines: written while the database is in use, put back into a fresh place, and the pages are the same."""

import json
import re
import sqlite3
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection as database

from tests import postgres
from tests.browser.site import environment
from tests.old_databases import PASSWORD, SECRET_KEY
from tests.pages import parsed
from tests.test_old_databases import FILES, PAGES, SUFFIXES, PostgreSQL, SQLite, content_of, run
from tests.upstream import ROOT

NAME = FILES[SUFFIXES[0]][-1]
CHANGING = re.compile(r"\d+ (s|min|h|d)\b.*?ago|\d+ s\b")  # ages, which go on between two looks


def pages(database: SQLite | PostgreSQL, folder: Path) -> dict[str, str]:
    """What people read on each page."""
    rows = database.rows(
        "SELECT t.upstream_id, r.upstream_id FROM index_run r JOIN index_thread t ON t.id = r.thread_id"
    )
    paths = [*PAGES, *(f"/threads/{thread}/runs/{key}/" for thread, key in rows)]
    asked = json.dumps({"password": PASSWORD, "get": paths, "post": []})
    answers = json.loads(run(database, folder, "-m", "tests.old_databases.visit", given=asked))["answers"]
    assert {status for status, _ in answers.values()} == {200}
    return {path: CHANGING.sub("", parsed(text).text) for path, (_, text) in answers.items()}


def there_and_back(old: SQLite | PostgreSQL, fresh: SQLite | PostgreSQL, folder: Path) -> None:
    file = folder / "backup"
    run(old, folder, "manage.py", "migrate", "-v0")
    run(old, folder, "manage.py", "backup", str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    run(fresh, folder, "manage.py", "restore", str(file))
    assert "unbroken" in run(fresh, folder, "manage.py", "verify_audit")
    assert pages(fresh, folder) == pages(old, folder)


@pytest.mark.long
def test_of_sqlite(tmp_path):
    old, fresh = SQLite(tmp_path / "old.sqlite3"), SQLite(tmp_path / "fresh.sqlite3")
    old.path.write_bytes(content_of(NAME, SUFFIXES[0]))
    there_and_back(old, fresh, tmp_path)
    # Somebody reads all the time, as a worker would: nothing is put in its place.
    with sqlite3.connect(fresh.path) as reader:
        reader.execute("SELECT count(*) FROM index_run").fetchone()
        settings = environment(tmp_path, SECRET_KEY=SECRET_KEY, DATABASE_URL=fresh.url)
        command = [sys.executable, "manage.py", "restore", str(tmp_path / "backup"), "--replace"]
        refused = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, check=False)
    assert (refused.returncode, "Stop the dashboard and the workers" in refused.stderr) == (1, True)


@pytest.mark.long
@pytest.mark.skipif(bool(postgres.missing()), reason=postgres.missing())
def test_of_postgresql(tmp_path):
    with postgres.Postgres() as server:
        old, fresh = PostgreSQL(server.database("old")), PostgreSQL(server.database("fresh"))
        old.rows(content_of(NAME, SUFFIXES[1]).decode())
        there_and_back(old, fresh, tmp_path)
        run(fresh, tmp_path, "manage.py", "restore", str(tmp_path / "backup"), "--replace")
        assert fresh.rows("SELECT count(*) FROM index_run") == old.rows("SELECT count(*) FROM index_run")


@pytest.fixture
def later(tmp_path) -> Path:
    """A SQLite backup by a later version."""
    path = tmp_path / "later"
    with sqlite3.connect(path) as given:
        given.execute("CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app TEXT, name TEXT, applied TEXT)")
        given.execute("INSERT INTO django_migrations (app, name) VALUES ('index', '9999_of_tomorrow')")
    return path


@pytest.mark.skipif(database.vendor != "sqlite", reason="files of SQLite")
@pytest.mark.django_db(transaction=True)
def test_what_is_refused_changes_nothing(tmp_path, later, admin):
    whole = tmp_path / "whole"
    call_command("backup", str(whole), stdout=StringIO())
    damaged = tmp_path / "damaged"
    damaged.write_bytes(whole.read_bytes()[:100_000])
    cases = {
        "is there already": ("backup", whole), "There is no file": ("restore", tmp_path / "nothing"),
        "No such file or directory": ("backup", tmp_path / "no folder" / "x"), "is no backup": ("restore", damaged),
        "index.9999_of_tomorrow": ("restore", later), "it has users": ("restore", whole),
    }  # fmt: skip
    for sentence, (command, path) in cases.items():
        with pytest.raises(CommandError, match=sentence):
            call_command(command, str(path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["damaged", "later", "whole"]
    assert type(admin.user).objects.filter(pk=admin.user.pk).exists()
