"""Keeps a SQLite file: objects as the API shows them, the plans of active runs, and the bytes of files.

One writer connection and one reader connection, each behind a lock (WAL lets them overlap). A change is one short
transaction; its events go out only after the commit, so nothing is visible that is not stored.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from runsdash.sandbox.json_objects import JsonObject, dump
from runsdash.sandbox.protocol.errors import not_found

SCHEMA = """
CREATE TABLE IF NOT EXISTS object (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
  parent TEXT NOT NULL, created_at INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS object_page ON object (kind, parent, created_at, seq);
CREATE TABLE IF NOT EXISTS active (
  run_id TEXT PRIMARY KEY, thread_id TEXT NOT NULL UNIQUE, due_at REAL, expires_at INTEGER NOT NULL,
  plan TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS file (id TEXT PRIMARY KEY, body TEXT NOT NULL, content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

SqlValue: TypeAlias = str | int | float | bytes | None
Row = tuple[str, str, str, int, str]  # id, kind, parent, created_at, body as JSON text


@dataclass
class Active:
    """Holds an unfinished run's plan and `due_at` (Unix seconds, None while it waits for a client)."""

    run_id: str
    thread_id: str
    due_at: float | None
    expires_at: int
    plan: JsonObject


def connect(path: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=20, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=NORMAL")
    return db


class Reads:
    """Reads stored objects by `rows`, which is a transaction's or the reader's."""

    def rows(self, sql: str, *args: SqlValue) -> list[tuple[Any, ...]]:
        raise NotImplementedError

    def find(self, kind: str, id: str, *, parent: str | None = None) -> JsonObject | None:
        found = self.rows(
            "SELECT body FROM object WHERE id=? AND kind=? AND parent=ifnull(?, parent)", id, kind, parent
        )
        return json.loads(found[0][0]) if found else None

    def get(self, kind: str, id: str, *, parent: str | None = None) -> JsonObject:
        """Returns the object, or raises a 404."""
        found = self.find(kind, id, parent=parent)
        if found is None:
            raise not_found(kind, id)
        return found


class Change(Reads):
    """Writes in one transaction and collects the events that follow from it."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self.events: list[tuple[str, str, str]] = []

    def rows(self, sql: str, *args: SqlValue) -> list[tuple[Any, ...]]:
        return self.db.execute(sql, args).fetchall()

    def insert(self, kind: str, body: JsonObject, *, parent: str = "") -> None:
        self.db.execute(
            "INSERT INTO object (id, kind, parent, created_at, body) VALUES (?,?,?,?,?)",
            (body["id"], kind, parent, body["created_at"], dump(body)),
        )

    def insert_many(self, rows: list[Row]) -> None:
        self.db.executemany("INSERT INTO object (id, kind, parent, created_at, body) VALUES (?,?,?,?,?)", rows)

    def update(self, body: JsonObject) -> None:
        self.db.execute("UPDATE object SET body=? WHERE id=?", (dump(body), body["id"]))

    def delete(self, id: str) -> None:
        self.db.execute("DELETE FROM object WHERE id=?", (id,))

    def children(self, kind: str, parent: str) -> list[JsonObject]:
        sql = "SELECT body FROM object WHERE kind=? AND parent=? ORDER BY created_at, seq"
        return [json.loads(body) for (body,) in self.rows(sql, kind, parent)]

    def delete_children(self, kind: str, parent: str) -> None:
        self.db.execute("DELETE FROM object WHERE kind=? AND parent=?", (kind, parent))

    def active(self, run_id: str = "", *, thread_id: str = "") -> Active | None:
        """Returns the run's plan, or that of the thread's active run."""
        sql = "SELECT run_id, thread_id, due_at, expires_at, plan FROM active WHERE run_id=? OR thread_id=?"
        rows = self.rows(sql, run_id, thread_id)
        found = [Active(run, thread, due_at, ends_at, json.loads(plan)) for run, thread, due_at, ends_at, plan in rows]
        return found[0] if found else None

    def save_active(self, active: Active) -> None:
        self.db.execute(
            "INSERT OR REPLACE INTO active (run_id, thread_id, due_at, expires_at, plan) VALUES (?,?,?,?,?)",
            (active.run_id, active.thread_id, active.due_at, active.expires_at, dump(active.plan)),
        )

    def drop_active(self, run_id: str) -> None:
        self.db.execute("DELETE FROM active WHERE run_id=?", (run_id,))

    def insert_file(self, body: JsonObject, content: bytes) -> None:
        self.db.execute("INSERT INTO file (id, body, content) VALUES (?,?,?)", (body["id"], dump(body), content))

    def set_setting(self, name: str, value: str) -> None:
        self.db.execute("INSERT OR REPLACE INTO setting (name, value) VALUES (?,?)", (name, value))

    def emit(self, run_id: str, event: str, body: JsonObject) -> None:
        """Announces `body` to the streams of the run, as it is now, once this change is committed."""
        self.events.append((run_id, event, dump(body)))


class Store(Reads):
    """Opens `path`; `publish` gets the events of each committed change, in order."""

    def __init__(self, path: str, *, publish: Callable[[list[tuple[str, str, str]]], None]) -> None:
        self.writer = connect(path)
        self.writer.executescript(SCHEMA)
        self.reader = connect(path)
        self.publish = publish
        self.write_lock = threading.RLock()
        self.read_lock = threading.Lock()

    @contextmanager
    def change(self) -> Iterator[Change]:
        """Opens a write transaction: committed when the block ends well, rolled back when it raises."""
        with self.write_lock:
            change = Change(self.writer)
            self.writer.execute("BEGIN IMMEDIATE")
            try:
                yield change
            except BaseException:
                self.writer.execute("ROLLBACK")
                raise
            self.writer.execute("COMMIT")
            self.publish(change.events)

    def rows(self, sql: str, *args: SqlValue) -> list[tuple[Any, ...]]:
        with self.read_lock:
            return self.reader.execute(sql, args).fetchall()

    def setting(self, name: str) -> str | None:
        found = self.rows("SELECT value FROM setting WHERE name=?", name)
        return found[0][0] if found else None

    def close(self) -> None:
        with self.write_lock, self.read_lock:
            self.reader.close()
            self.writer.close()
