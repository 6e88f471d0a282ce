"""Chooses the runs of an export: the keys that a filter finds, kept in a file, thread by thread; and their files.

So memory stays the same for a million runs, and what is exported does not change while it is read.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from django.db.models import Model, QuerySet

from runsdash.index.models import ArchivedFile, Connection, Run, Thread
from runsdash.index.search import RunOrder, TimeBudget, run_list_page
from runsdash.index.search.run_filter import RunFilter

ADD = "INSERT INTO chosen VALUES (?, ?)"
PAGE = 1_000  # runs read at once
TABLES = """
CREATE TABLE chosen (thread_id INTEGER, run_id INTEGER, PRIMARY KEY (thread_id, run_id)) WITHOUT ROWID;
CREATE TABLE files (file_id INTEGER PRIMARY KEY, thread_id INTEGER);
CREATE TABLE assistants (connection_id INTEGER, id TEXT, PRIMARY KEY (connection_id, id)) WITHOUT ROWID;
CREATE INDEX files_of_thread ON files (thread_id, file_id);
"""
ROWS, KEYS = Run.objects.select_related("thread", "connection"), Run.objects.only("thread_id")
THREAD_ROWS = Thread.objects.select_related("connection").defer("raw", "body", "tool_resources")
Row = TypeVar("Row", bound=Model)
# Nobody waits for a page here.
UNHURRIED = TimeBudget(walk_s=60.0, statement_s=120.0)


class SearchStopped(RuntimeError):
    """Says that looking for runs took too long. The message is a sentence."""


def found_runs(
    run_filter: RunFilter, *, connection: Connection | None = None, rows: QuerySet[Run] = ROWS
) -> Iterator[list[Run]]:
    """Finds all runs that match, newest first, in chunks. `rows` says what comes with a run. Raises SearchStopped."""
    return found_rows(run_filter, rows, RunOrder(), connection)


def found_threads(
    run_filter: RunFilter, *, connection: Connection | None = None, rows: QuerySet[Thread] = THREAD_ROWS
) -> Iterator[list[Thread]]:
    """Finds all threads that match, the last active first, likewise."""
    return found_rows(run_filter, rows, RunOrder("last_run_at"), connection)


def found_rows(
    run_filter: RunFilter, rows: QuerySet[Row], order: RunOrder, connection: Connection | None
) -> Iterator[list[Row]]:
    cursor = ""
    while True:
        page = run_list_page(
            run_filter, order=order, rows=rows, limit=PAGE, cursor=cursor, connection=connection, budget=UNHURRIED
        )
        if page.rows:
            yield page.rows
        if page.is_partial and page.next == cursor:  # both empty where not even the first was found
            of = run_filter.subject.plural
            raise SearchStopped(f"The filter matches too little in too many {of}. Add a time range such as since:7d.")
        if not page.next:
            return
        cursor = page.next


@contextmanager
def chosen_runs(run_filter: RunFilter, *, connection: Connection | None = None) -> Iterator["ChosenRuns"]:
    """Chooses the runs of a filter by thread, and without a filter also the threads that have no runs."""
    with file_of_keys() as file:
        for runs in found_runs(run_filter, connection=connection, rows=KEYS):
            file.executemany(ADD, [(run.thread_id, run.pk) for run in runs])
        if not run_filter:
            threads = Thread.objects.filter(run_count=0)
            threads = threads if connection is None else threads.filter(connection=connection)
            keys = threads.values_list("pk", flat=True).iterator(chunk_size=PAGE)
            file.executemany("INSERT OR IGNORE INTO chosen VALUES (?, 0)", ((key,) for key in keys))
        yield ChosenRuns(file, is_everything=not run_filter)


@contextmanager
def chosen_threads(run_filter: RunFilter, *, connection: Connection | None = None) -> Iterator["ChosenRuns"]:
    """Chooses the threads of a filter, each with all its runs."""
    with file_of_keys() as file:
        for threads in found_threads(run_filter, connection=connection, rows=Thread.objects.only("pk")):
            keys = [thread.pk for thread in threads]
            file.executemany(ADD, [(key, 0) for key in keys])
            runs = Run.objects.filter(thread_id__in=keys).values_list("thread_id", "pk")
            file.executemany(ADD, runs.iterator(chunk_size=PAGE))
        yield ChosenRuns(file, is_everything=True)


@contextmanager
def named_runs(keys: Iterable[tuple[int, int]]) -> Iterator["ChosenRuns"]:
    """Takes runs that were chosen before: (key of the thread, key of the run)."""
    with file_of_keys() as file:
        file.executemany(ADD, keys)
        yield ChosenRuns(file, is_everything=False)


@contextmanager
def file_of_keys() -> Iterator[sqlite3.Connection]:
    with (
        TemporaryDirectory(prefix="runsdash-export-") as folder,
        closing(sqlite3.connect(Path(folder) / "keys")) as file,
    ):
        file.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;")
        file.executescript(TABLES)
        yield file


class ChosenRuns:
    """Holds `threads()` in the order of their keys, and `runs(thread)` likewise, both in chunks.

    `is_everything`: each thread has all its runs here. A file is added once, behind a thread; `files(thread)` are those
    that were added behind it.
    """

    def __init__(self, file: sqlite3.Connection, *, is_everything: bool) -> None:
        self.file, self.is_everything = file, is_everything
        self.with_files: dict[int, bool] = {}

    def threads(self) -> Iterator[list[int]]:
        yield from self._walk("SELECT DISTINCT thread_id FROM chosen WHERE thread_id > ? ORDER BY thread_id LIMIT ?")

    def runs(self, thread_key: int, *, size: int) -> Iterator[list[int]]:
        sql = f"SELECT run_id FROM chosen WHERE thread_id = {int(thread_key)} AND run_id > ? ORDER BY run_id LIMIT ?"
        yield from self._walk(sql, size=size)

    def has_thread(self, thread_key: int) -> bool:
        found = self.file.execute("SELECT 1 FROM chosen WHERE thread_id = ? LIMIT 1", (thread_key,))
        return found.fetchone() is not None

    def has_files(self, connection_key: int) -> bool:
        """Has the connection any files? Else nobody need look which ones are named."""
        if connection_key not in self.with_files:
            self.with_files[connection_key] = ArchivedFile.objects.filter(connection_id=connection_key).exists()
        return self.with_files[connection_key]

    def add_file(self, file_key: int, thread_key: int) -> None:
        self.file.execute("INSERT OR IGNORE INTO files VALUES (?, ?)", (file_key, thread_key))

    def files(self, thread_key: int) -> Iterator[int]:
        sql = f"SELECT file_id FROM files WHERE thread_id = {int(thread_key)} AND file_id > ? ORDER BY file_id LIMIT ?"
        return chain.from_iterable(self._walk(sql))

    def add_assistant(self, connection_key: int, assistant_id: str) -> None:
        self.file.execute("INSERT OR IGNORE INTO assistants VALUES (?, ?)", (connection_key, assistant_id))

    def assistants(self) -> Iterator[tuple[int, list[str]]]:
        """Yields the assistants of each connection, in chunks."""
        last = 0, ""
        sql = "SELECT connection_id, id FROM assistants WHERE (connection_id, id) > (?, ?) ORDER BY 1, 2 LIMIT 500"
        while found := self.file.execute(sql, last).fetchall():
            for key, own in groupby(found, key=itemgetter(0)):
                yield key, [one for _, one in own]
            last = found[-1]

    def _walk(self, sql: str, *, size: int = 100) -> Iterator[list[int]]:
        last = 0
        while keys := [key for (key,) in self.file.execute(sql, (last, size))]:
            yield keys
            last = keys[-1]
