"""Databases of earlier schemas, kept as they were, are migrated and still answer.

`docs/testing.md` says how one is made.
Statements about columns are made before the migration, where they are true for ever. What comes after it knows tables,
URLs, commands and nothing else, so that modules may move.
"""

import contextlib
import gzip
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests import postgres
from tests.browser.site import environment
from tests.old_databases import PASSWORD, SECRET_KEY
from tests.old_databases.make import FOLDER
from tests.pages import Element, parsed
from tests.upstream import ROOT, Sandbox

SUFFIXES = (".sqlite3.gz", ".postgresql.sql.gz")
FILES = {suffix: sorted(path.name.removesuffix(suffix) for path in FOLDER.glob(f"*{suffix}")) for suffix in SUFFIXES}
TIME_S = 90
# Tables that a later migration drops or thins out on purpose, each with its reason.
MAY_LOSE_ROWS: dict[str, str] = {
    "index_assistantsums": "index_runsums knows assistants",
    "index_histogram": "index_runsums holds times beside its sums",
}
PAGES = (
    "/", "/?range=30d", "/runs/", "/runs/?q=status%3Afailed&facets=1", "/runs/?q=parcel", "/runs/facets/", "/threads/",
    "/needs-action/", "/needs-action/?tab=missed", "/audit/", "/connections/", "/connections/prod/", "/notifications/",
    "/users/", "/bulk/", "/functions/", "/functions/get_stock/", "/profile/",
)  # fmt: skip


class SQLite:
    """An unpacked file."""

    tables = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'"
    broken = "SELECT * FROM pragma_foreign_key_check UNION ALL SELECT *, 0, 0, 0 FROM pragma_integrity_check"
    sound = [("ok", 0, 0, 0)]

    def __init__(self, path: Path) -> None:
        self.path, self.url = path, f"sqlite:///{path}"

    def rows(self, sql: str) -> list[tuple]:
        with contextlib.closing(sqlite3.connect(self.path)) as session, session:
            return session.execute(sql).fetchall()


class PostgreSQL:
    """A database of a cluster that goes away."""

    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    broken = (
        "SELECT conname FROM pg_constraint WHERE NOT convalidated"
        " UNION ALL SELECT indexrelid::regclass::name FROM pg_index WHERE NOT indisvalid"
    )
    sound = []

    def __init__(self, url: str) -> None:
        self.url = url

    def rows(self, sql: str) -> list[tuple]:
        with psycopg.connect(self.url) as session:
            cursor = session.execute(sql)
            return cursor.fetchall() if cursor.description else []


Database = SQLite | PostgreSQL


def content_of(name: str, suffix: str) -> bytes:
    return gzip.decompress((FOLDER / f"{name}{suffix}").read_bytes())


def run(database: Database, folder: Path, *command: str, given: str = "") -> str:
    """What a process of ours prints on this database; fails with its own words."""
    settings = environment(folder, SECRET_KEY=SECRET_KEY, DATABASE_URL=database.url)
    ended = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=settings, input=given, capture_output=True, text=True, timeout=TIME_S
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-2000:]
    return ended.stdout


def counts(database: Database) -> dict[str, int]:
    return {
        table: database.rows(f'SELECT count(*) FROM "{table}"')[0][0] for (table,) in database.rows(database.tables)
    }


def losses(before: dict[str, int], after: dict[str, int]) -> Iterator[str]:
    for table, count in before.items():
        if after.get(table, -1) < count and table not in MAY_LOSE_ROWS:
            yield f"{table}: {count} rows became {after.get(table, 'no table')}"


def ids_of(page: Element, name: str) -> set[str]:
    return {one[f"data-{name}-id"] for one in page.all(**{f"data_{name}_id": True})}


def brought_forward(database: Database, folder: Path, upstream: Sandbox) -> None:
    """Migrates an old database and looks at it from all sides."""
    before = counts(database)
    assert min(before[table] for table in ("index_run", "index_thread", "accounts_user", "audit_auditentry")) > 3
    runs = database.rows(
        "SELECT r.upstream_id, t.upstream_id, r.status FROM index_run r JOIN index_thread t ON t.id = r.thread_id"
    )
    database.rows(f"UPDATE index_connection SET base_url = '{upstream.base_url}' WHERE slug = 'prod'")

    run(database, folder, "manage.py", "migrate", "-v0")

    assert list(losses(before, counts(database))) == []
    assert database.rows(database.broken) == database.sound
    run_pages = {f"/threads/{thread}/runs/{key}/": key for key, thread, _ in runs}
    thread_pages = {f"/threads/{thread}/": thread for _, thread, _ in runs}
    asks_with_key = "/connections/prod/test/"
    asked = {"password": PASSWORD, "get": [*PAGES, *run_pages, *thread_pages], "post": [asks_with_key]}
    seen = json.loads(run(database, folder, "-m", "tests.old_databases.visit", given=json.dumps(asked)))
    assert "unbroken" in seen["trail"]
    answers = seen["answers"]
    assert {path: status for path, (status, _) in answers.items() if status != 200} == {asks_with_key: 302}
    pages = {path: parsed(text) for path, (_, text) in answers.items() if text}
    assert ids_of(pages["/runs/"], "run") == ids_of(pages["/runs/?q=parcel"], "run") == {key for key, _, _ in runs}
    failed = {key for key, _, status in runs if status == "failed"}
    assert ids_of(pages["/runs/?q=status%3Afailed&facets=1"], "run") == failed
    assert all(key in ids_of(pages[path], "run") for path, key in run_pages.items())
    assert all(thread in ids_of(pages[path], "thread") for path, thread in thread_pages.items())
    # The sandbox takes no other key than the one that was sealed then.
    assert [one["status"] for one in upstream.requests(path="/assistants")] == [200]


def test_every_file_has_its_other_half():
    assert FILES[SUFFIXES[0]] == FILES[SUFFIXES[1]] != []


@pytest.mark.parametrize("name", FILES[SUFFIXES[0]])
def test_an_old_sqlite_file_comes_forward(name, tmp_path, upstream):
    path = tmp_path / "index.sqlite3"
    path.write_bytes(content_of(name, SUFFIXES[0]))
    brought_forward(SQLite(path), tmp_path, upstream)


@pytest.fixture(scope="module")
def cluster() -> Iterator[postgres.Postgres]:
    with postgres.Postgres() as server:
        yield server


@pytest.mark.long
@pytest.mark.skipif(bool(postgres.missing()), reason=postgres.missing())
@pytest.mark.parametrize("name", FILES[SUFFIXES[1]])
def test_an_old_postgresql_database_comes_forward(name, tmp_path, upstream, cluster):
    database = PostgreSQL(cluster.database(name))
    database.rows(content_of(name, SUFFIXES[1]).decode())
    brought_forward(database, tmp_path, upstream)
