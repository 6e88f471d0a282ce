"""Adds threads by ids out of any text: lines of logs, or JSON lines of thread and run objects."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from runsdash.index.ids import ids_of_line
from runsdash.index.keeping.purge import let_back_in
from runsdash.index.models import Connection, Thread
from runsdash.index.snapshots.known_rows import keys_of
from runsdash.index.snapshots.upsert_threads import ensure_threads
from runsdash.service.decoding import Undecodable, decode_json
from runsdash.service.json_types import Json
from runsdash.service.objects import parsing

from .blocks import REASONS, ImportSource

CHUNK = 500  # threads a transaction


@dataclass
class ImportedThreads:
    """Counts `lines` looked at, `new` threads, those `known` before; `back`: how many of them had been purged.

    `refused`: why part of the text could not be read.
    """

    refused: list[str] = field(default_factory=list)
    lines: int = 0
    new: int = 0
    known: int = 0
    back: int = 0


def import_threads(connection: Connection, source: ImportSource) -> ImportedThreads:
    """Makes rows for all threads that the source names. Their content is fetched later."""
    added, waiting = ImportedThreads(), {}
    for block in source.blocks():
        for line in block.lines:
            added.lines += 1
            added.refused += [REASONS[line]] if line in REASONS else []
            waiting.update(dict.fromkeys(thread_ids(line)))
            if len(waiting) >= CHUNK:
                add(connection, list(waiting), added)
                waiting = {}
    add(connection, list(waiting), added)
    return added


def add(connection: Connection, ids: list[str], added: ImportedThreads) -> None:
    known = len(keys_of(Thread, connection=connection, ids=ids))
    added.back += let_back_in(connection, ids)
    ensure_threads(connection, ids, added_by="import_threads")
    added.new += len(ids) - known
    added.known += known


def thread_ids(line: bytes) -> Iterator[str]:
    """Finds the ids in one line: of an object its own thread, of other text (a log in JSON too) every thread's id."""
    if line.lstrip().startswith((b"{", b"[")):
        try:
            named = [one for value in objects_in(decode_json(line)) for one in ids_of_object(value)]
        except Undecodable:
            named = []
        if named:
            yield from named
            return
    for one in ids_of_line(line.decode(errors="replace")):
        if one.kind in ("thread", ""):
            yield one.upstream_id


def objects_in(value: Json) -> list[Json]:
    """Returns what is in a list, an array or a reply of the API; anything else is one object."""
    if isinstance(value, dict) and value.get("object") == "list":
        value = value.get("data")
    return value if isinstance(value, list) else [value]


def ids_of_object(value: Json) -> Iterator[str]:
    found = parsing.mapping(value)
    named = found.get("id") if found.get("object") == "thread" else found.get("thread_id")
    if thread_id := parsing.identifier(named):
        yield thread_id
