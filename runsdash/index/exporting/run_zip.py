"""Exports one run as a zip to look into, which an import takes: run, steps, messages as received, files, notes.

What the bodies do not say stands in `manifest.json`, under `for_import`, as an export's lines have it. The zip holds a
part of its thread, so it says nothing of how much of the thread is here.
"""

import json
import re
from collections.abc import Iterable, Iterator
from zipfile import ZIP_DEFLATED, ZipFile

from django.utils import timezone

from runsdash.index.importing.archived_assistants import exported_assistant
from runsdash.index.importing.archived_files import file_fields
from runsdash.index.importing.export_fields import ExportedObject
from runsdash.index.importing.notes import lines_of_run
from runsdash.index.keeping.archive import file_ids_of_run
from runsdash.index.models import ArchivedFile, Assistant, MessageBody, Run
from runsdash.index.storage.page_reads import messages_of_run
from runsdash.service.decoding import decode_json
from runsdash.service.json_types import Json, JsonObject

from .objects import (
    exported_message,
    exported_run,
    exported_step,
    exported_thread,
    runs_of,
    step_bodies,
)

BODIES_AT_ONCE = 20
NAME_CHARS = 100
PIECE_BYTES = 64 * 1024
Member = tuple[str, bytes]


class RunZip:
    """Gathers the `members()` of a zip; the manifest, which counts them, comes last."""

    def __init__(self, run: Run) -> None:
        self.run, self.thread = run, run.thread
        self.counts = {"steps": 0, "messages": 0, "files": 0}
        self.objects: list[Json] = []
        self.files: list[JsonObject] = []
        self.missing: list[str] = []

    def members(self) -> Iterator[Member]:
        for name, exported in self.exported_objects():
            self.objects.append({"name": name, "tail": exported.fields})
            yield name, exported.body
        for number, file_id in enumerate(file_ids_of_run(self.run), start=1):
            yield from self.file(file_id, f"files/{safe(file_id)}", number)
        yield "manifest.json", json.dumps(self.manifest(), indent=2).encode()

    def exported_objects(self) -> Iterator[tuple[str, ExportedObject]]:
        """Yields the thread before its run, the run before its steps: an import reads them in this order."""
        thread = exported_thread(self.thread, flags=("is_gone",))
        if thread is not None:
            yield "thread.json", thread
        for run in runs_of([self.run.pk]):
            if hasattr(run, "body"):
                yield "run.json", without_archive(exported_run(run, self.thread))
        for number, body in enumerate(step_bodies([self.run.pk]), start=1):
            self.counts["steps"] = number
            yield f"steps/{number:05d}-{safe(body.step.upstream_id)}.json", exported_step(body, self.run)
        for number, said in enumerate(message_bodies(self.run), start=1):
            self.counts["messages"] = number
            yield f"messages/{number:05d}-{safe(said.message.upstream_id)}.json", exported_message(said, self.thread)
        for row in Assistant.objects.filter(connection=self.run.connection, upstream_id=self.run.assistant_id):
            yield "assistant.json", exported_assistant(row)

    def file(self, file_id: str, name: str, number: int) -> Iterator[Member]:
        """Yields its content, if it is kept; the manifest has the rest."""
        rows = ArchivedFile.objects.filter(connection=self.run.connection, upstream_id=file_id)
        row = rows.first()
        content = bytes(row.content) if row is not None and row.status == 200 and row.content is not None else None
        if content is None:
            self.missing.append(file_id)
        if row is not None:
            if any(one.get("name") == name for one in self.files):
                name = f"{name}-{number}"
            there: JsonObject = {} if content is None else {"name": name}
            self.files.append(there | file_fields(row, self.thread.upstream_id))
        if content is not None:
            self.counts["files"] += 1
            yield name, content

    def manifest(self) -> JsonObject:
        run = self.run
        notes = [decode_json(line) for line in lines_of_run(run)]
        return {
            "run_id": run.upstream_id,
            "thread_id": self.thread.upstream_id,
            "connection": run.connection.slug,
            "exported_at": timezone.now().isoformat(),
            "fetched_at": run.fetched_at.isoformat() if run.fetched_at else None,
            **self.counts,
            "files_not_kept": [*self.missing],
            "has_all_steps": run.has_all_steps,
            "for_import": {"objects": self.objects, "files": [*self.files], "notes": notes},
        }


def without_archive(exported: ExportedObject) -> ExportedObject:
    """Takes away that the run is archived: that holds only where its whole thread is there."""
    kept = exported.fields.get("_kept")
    if isinstance(kept, dict):
        kept.pop("archived_at", None)
    return exported


def message_bodies(run: Run) -> Iterator[MessageBody]:
    """Yields the questions it answers and what it wrote, in order."""
    keys = [message.pk for message in messages_of_run(run)]
    for start in range(0, len(keys), BODIES_AT_ONCE):
        some = keys[start : start + BODIES_AT_ONCE]
        found = MessageBody.objects.select_related("message").in_bulk(some)
        yield from (found[key] for key in some if key in found)


def safe(name: str) -> str:
    """Makes a name that is nothing but a name, in any file system."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:NAME_CHARS] or "_"


class Outlet:
    """Takes what a zip writes; `emptied` gives what came since the last time."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self.pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Does nothing: there is no file behind it."""

    def close(self) -> None:
        """Does nothing either."""

    def emptied(self) -> bytes:
        content = b"".join(self.pieces)
        self.pieces.clear()
        return content


def zipped(members: Iterable[Member]) -> Iterator[bytes]:
    """Yields a zip as it grows, in pieces, one member in memory."""
    outlet = Outlet()
    with ZipFile(outlet, "w", ZIP_DEFLATED) as file:
        for name, content in members:
            with file.open(name, "w", force_zip64=True) as member:
                for start in range(0, len(content), PIECE_BYTES):
                    member.write(content[start : start + PIECE_BYTES])
                    if piece := outlet.emptied():
                        yield piece
    yield outlet.emptied()


def zip_of_run(run: Run) -> Iterator[bytes]:
    return zipped(RunZip(run).members())
