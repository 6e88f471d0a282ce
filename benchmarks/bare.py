"""The same rows with nothing but `executemany`: what an import is compared with.

Reads the index tables of a loaded SQLite file and inserts their rows into a second one with the same tables, indexes,
triggers, pages and cache, in transactions of as many rows as an import has, in the order of their keys. The index of
words is filled as an import fills it (fulltext.insert_words), not through its trigger, which takes longer. How rarely an
import copies its log back is left to the import: here SQLite does as it does by itself.
"""

import sqlite3
import time
from pathlib import Path

PRAGMAS = (
    "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-131072; "
    "PRAGMA mmap_size=268435456;"
)
PARTS = 10  # transactions for 20,000 runs
TABLES = {
    "index_thread": "id",
    "index_run": "id",
    "index_runbody": "run_id",
    "index_runmetadata": "run_id",
    "index_runtool": "run_id",
    "index_statusseen": "run_id",
    "index_runtext": "run_id",
    "index_runtext_fts": "rowid",
    "index_runstep": "id",
    "index_stepbody": "step_id",
    "index_message": "id",
    "index_messagebody": "message_id",
    "index_dirtyhour": "id",
}
COLUMNS = {"index_runtext_fts": "rowid, words"}


def seconds(loaded: Path, *, into: Path, parts: int = PARTS) -> tuple[float, int]:
    """(wall seconds, rows) of inserting all rows of `loaded` into a new file `into`."""
    source, target = sqlite3.connect(loaded), sqlite3.connect(into, isolation_level=None)
    target.executescript(PRAGMAS)
    prepare(source, target)
    taken_s, count = 0.0, 0
    readers = {
        table: source.execute(f"SELECT {COLUMNS.get(table, '*')} FROM {table} ORDER BY {key}")
        for table, key in TABLES.items()
    }
    sizes = {table: source.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in TABLES}
    for _ in range(parts):
        some = {table: reader.fetchmany(sizes[table] // parts + 1) for table, reader in readers.items()}
        began = time.perf_counter()
        target.execute("BEGIN IMMEDIATE")
        for table, rows in some.items():
            if rows:
                names = f"({COLUMNS[table]})" if table in COLUMNS else ""
                target.executemany(f"INSERT INTO {table} {names} VALUES ({', '.join('?' * len(rows[0]))})", rows)
                count += len(rows)
        target.execute("COMMIT")
        taken_s += time.perf_counter() - began
    target.close()
    source.close()
    return taken_s, count


def prepare(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    for (sql,) in schema(source):
        target.execute(sql)
    target.execute("INSERT INTO index_runtext_apart VALUES (1)")
    for setting in source.execute("SELECT k, v FROM index_runtext_fts_config WHERE k IN ('hashsize', 'automerge')"):
        target.execute("INSERT INTO index_runtext_fts(index_runtext_fts, rank) VALUES (?, ?)", setting)


def schema(source: sqlite3.Connection) -> list[tuple[str]]:
    """Tables, then indexes and triggers; what SQLite makes by itself is left out."""
    found = source.execute(
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' "
        "AND name NOT LIKE 'index_runtext_fts_%' ORDER BY type = 'trigger', type = 'index', rowid"
    )
    return found.fetchall()
