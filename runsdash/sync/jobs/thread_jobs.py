"""Adds the threads that a text names and purges a thread. Whoever starts a worker imports this module."""

import re
from collections.abc import Generator
from os import SEEK_CUR
from pathlib import Path
from typing import Any

from runsdash.index.importing.merge_threads import thread_ids
from runsdash.index.keeping.purge import came_back, let_back_in, purge_some
from runsdash.index.models import Connection, Job, Thread
from runsdash.index.snapshots.upsert_threads import ensure_threads

from .import_jobs import connection_of, file_of
from .jobs import works

IDS_A_PIECE = 500
BYTES_A_PIECE = 1024 * 1024
MAX_LINE_BYTES = 1024 * 1024  # a longer line is read in parts
END_OF_WORD = re.compile(rb"[^A-Za-z0-9_-][A-Za-z0-9_-]*$")
PURGE_S = 0.25


@works("find_threads")
def find_threads(job: Job) -> Generator[None, None, None]:
    """Adds threads whose ids are somewhere in a text file. Progress counts bytes; `place["byte"]` are done."""
    connection, path = connection_of(job), file_of(job)
    size = path.stat().st_size
    while (start := job.place.get("byte", 0)) < size:
        ids, place = next_ids(path, start)
        new, back = added(connection, ids, added_by=job.created_by)
        counts = {"found": len(ids), "new": new, "back": back}
        job.place = {"byte": place} | {name: job.place.get(name, 0) + count for name, count in counts.items()}
        job.progress = {"done": place, "total": size, "note": note_of(job.place)}
        yield


def next_ids(path: Path, start: int) -> tuple[list[str], int]:
    """Returns the thread ids of the following lines, and where the line after them begins."""
    found: dict[str, None] = {}
    with path.open("rb") as file:
        file.seek(start)
        while len(found) < IDS_A_PIECE and file.tell() - start < BYTES_A_PIECE:
            line = file.readline(MAX_LINE_BYTES)
            if not line:
                break
            if len(line) == MAX_LINE_BYTES and (end := END_OF_WORD.search(line, 1)):
                file.seek(end.start() - len(line), SEEK_CUR)  # no id is read in two parts
                line = line[: end.start()]
            found.update(dict.fromkeys(thread_ids(line)))
        return list(found), file.tell()


def added(connection: Connection, ids: list[str], *, added_by: str) -> tuple[int, int]:
    """Adds rows where there are none; returns how many, and how many had been purged. Done twice, it counts once."""
    there = Thread.objects.filter(connection=connection, upstream_id__in=ids).count()
    back = let_back_in(connection, ids)
    ensure_threads(connection, ids, added_by=added_by)
    return len(ids) - there, back


def note_of(place: dict[str, Any]) -> str:
    words = f"{place['new']:,} new of {place['found']:,} ids"
    return f"{words}, {came_back(place['back'])}" if place["back"] else words


@works("purge_thread")
def purge_thread(job: Job) -> Generator[None, None, None]:
    """Purges the thread `parameters["thread_id"]`. Progress counts runs."""
    rows = Thread.objects.select_related("connection").filter(connection=connection_of(job))
    rows = rows.filter(upstream_id=job.parameters.get("thread_id", ""))
    while (thread := rows.first()) is not None:
        purge_some(thread, within_s=PURGE_S)
        total = job.progress.get("total")
        left = thread.runs.values("pk")[: total or 1].count()
        job.progress = {"done": max(0, (total or 0) - left), "total": total, "note": ""}
        yield
