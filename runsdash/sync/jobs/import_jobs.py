"""Fills the index by jobs: threads by their ids, and files of runs. Whoever starts a worker imports this module."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runsdash.index.importing.blocks import Block, BlockSource, Origin
from runsdash.index.importing.files import source_of
from runsdash.index.importing.json_documents import opened
from runsdash.index.importing.run_import import import_sources
from runsdash.index.importing.sorted_lines import SortedFile, is_by_thread, write_sorted
from runsdash.index.keeping.purge import came_back, let_back_in
from runsdash.index.models import Connection, Job
from runsdash.index.snapshots.upsert_threads import ensure_threads
from runsdash.service.json_types import JsonObject

from .job_files import SORTED, SORTING, beside, path_of
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
    leaves out everything that is there already. What does not come thread by thread is sorted into a file beside it
    before anything else; whoever is killed meanwhile begins that again.
    """
    connection, path = connection_of(job), file_of(job)
    if not job.place:
        job.progress |= {"note": "looks at the order of its lines"}
        yield
        job.place = {"is_sorted": sorted_if_needed(path)}
        yield
    while True:
        yield from one_pass(job, connection, path)
        if job.place.get("is_second") or not job.place.get("orphan_steps"):
            return
        job.place = {**job.place, "byte": 0, "line": 0, "orphan_steps": 0, "is_second": True}


def sorted_if_needed(path: Path) -> bool:
    """Writes the lines of a file in the order of their threads, unless they come so."""
    with ExitStack() as stack:
        if is_by_thread(map(opened, source_of(str(path), stack).blocks())):
            return False
        unfinished = beside(path, SORTING)
        write_sorted(map(opened, source_of(str(path), stack).blocks()), unfinished)
        unfinished.replace(beside(path, SORTED))
    return True


def source_at(job: Job, path: Path, stack: ExitStack) -> BlockSource:
    """Opens what the job reads, at its place."""
    source, start = source_of(str(path), stack), job.place.get("byte", 0)
    if job.place.get("is_sorted"):
        return SortedFile(beside(path, SORTED), Origin(source.name, source.read_at), start=start)
    source.file.seek(start)
    return source


def one_pass(job: Job, connection: Connection, path: Path) -> Generator[None, None, None]:
    with ExitStack() as stack:
        for block in source_at(job, path, stack).blocks():
            totals = import_sources(connection, [OneBlock(block)], processes=1, is_by_thread=True)
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


def progress_of(place: dict[str, Any], path: Path) -> JsonObject:
    words = [f"{place['runs']:,} runs"]
    words += [f"{place['files']:,} files"] if place["files"] else []
    words += [came_back(place["back"])] if place["back"] else []
    words += [f"{place['refused']:,} lines could not be read"] if place["refused"] else []
    read = beside(path, SORTED) if place.get("is_sorted") else path
    total = read.stat().st_size if read.suffix != ".gz" else None  # places count unpacked bytes
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
