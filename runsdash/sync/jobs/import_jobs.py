"""Fills the index by jobs: threads by their ids, and files of runs. Whoever starts a worker imports this module."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runsdash.index.importing.blocks import Block
from runsdash.index.importing.files import source_of
from runsdash.index.importing.run_import import import_sources
from runsdash.index.keeping.purge import came_back, let_back_in
from runsdash.index.models import Connection, Job
from runsdash.index.snapshots.upsert_threads import ensure_threads

from .job_files import path_of
from .jobs import JobFailed, works

THREADS_A_PIECE = 500
COUNTS = ("runs", "files", "back", "refused", "orphan_steps")


@works("add_threads")
def add_threads(job: Job) -> Generator[None, None, None]:
    """Adds `parameters["thread_ids"]`, or a file's ids, one a line. Progress counts ids; `place["line"]` are done."""
    connection = connection_of(job)
    ids = job.parameters.get("thread_ids") or file_of(job).read_text(encoding="utf-8", errors="replace").splitlines()
    ids = [one.strip() for one in ids]
    for start in range(job.place.get("line", 0), len(ids), THREADS_A_PIECE):
        piece = [one for one in ids[start : start + THREADS_A_PIECE] if one]
        back = job.place.get("back", 0) + let_back_in(connection, piece)
        ensure_threads(connection, piece, added_by=job.created_by)
        job.place = {"line": start + THREADS_A_PIECE, "back": back}
        done = min(start + THREADS_A_PIECE, len(ids))
        job.progress = {"done": done, "total": len(ids), "note": came_back(back)}
        yield


@works("import_runs", is_alone=True)
def import_runs(job: Job) -> Generator[None, None, None]:
    """Imports a file as `manage.py import_runs` does. Progress counts bytes; `place["byte"]` are done.

    Steps that stood before their run had no place in the first pass; a second one over the file takes them in, and
    leaves out everything that is there already.
    """
    connection, path = connection_of(job), file_of(job)
    while True:
        yield from one_pass(job, connection, path)
        if job.place.get("is_second") or not job.place.get("orphan_steps"):
            return
        job.place = {**job.place, "byte": 0, "line": 0, "orphan_steps": 0, "is_second": True}


def one_pass(job: Job, connection: Connection, path: Path) -> Generator[None, None, None]:
    with ExitStack() as stack:
        source = source_of(str(path), stack)
        source.file.seek(job.place.get("byte", 0))
        for block in source.blocks():
            totals = import_sources(connection, [OneBlock(block)], processes=1)
            place = {"byte": 0, "line": 0, "is_second": False} | dict.fromkeys(COUNTS, 0) | job.place
            place["byte"] += block.size
            place["line"] += len(block.lines)
            for name in COUNTS:
                place[name] += getattr(totals, name)
            job.place, job.progress = place, progress_of(place, path)
            yield


@dataclass(frozen=True)
class OneBlock:
    """Gives one block as a whole source."""

    block: Block

    def blocks(self) -> Iterator[Block]:
        yield self.block


def progress_of(place: dict[str, Any], path: Path) -> dict[str, object]:
    words = [f"{place['runs']:,} runs"]
    words += [f"{place['files']:,} files"] if place["files"] else []
    words += [came_back(place["back"])] if place["back"] else []
    words += [f"{place['refused']:,} lines could not be read"] if place["refused"] else []
    total = path.stat().st_size if path.suffix != ".gz" else None  # places count unpacked bytes
    return {"done": place["byte"], "total": total, "note": ", ".join(words)}


def connection_of(job: Job) -> Connection:
    if job.connection is None:
        raise JobFailed("Its connection is no longer there.")
    return job.connection


def file_of(job: Job) -> Path:
    path = path_of(job.file_name)
    if not job.file_name or not path.is_file():
        raise JobFailed("Its file is no longer there.")
    return path
