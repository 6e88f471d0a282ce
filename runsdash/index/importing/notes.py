"""Writes notes and labels as lines of an export, and reads them back. No upstream knows of them."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime

from django.db import transaction

from runsdash.index.models import Connection, Label, Note, Run, Thread
from runsdash.index.models.notes import MAX_NOTE_CHARS
from runsdash.index.notes import Subject, give_label, label_name, owner_of, reindex_notes
from runsdash.index.storage.locks import hold_thread
from runsdash.index.storage.storable_text import cut, stored_id
from runsdash.service.json_types import JsonObject
from runsdash.service.objects import parsing

from .read_line import BadLine, Context

NOTE, LABEL = "runsdash.note", "runsdash.label"


def note_lines(thread: Thread, run_keys: Callable[[], set[int]]) -> Iterator[bytes]:
    """Yields the notes and labels of a thread and of those of its runs that are exported."""
    exported: set[int | None] | None = None
    for model in (Note, Label):
        for row in model.objects.filter(thread=thread).select_related("run").order_by("pk"):
            exported = exported or {None, *run_keys()}
            if row.run_id in exported:
                yield line_of(row, thread)


def lines_of_run(run: Run) -> Iterator[bytes]:
    """Yields the notes and labels of one run, `run.thread` being known."""
    for model in (Note, Label):
        for row in model.objects.filter(run=run).select_related("run").order_by("pk"):
            yield line_of(row, run.thread)


def line_of(row: Note | Label, thread: Thread) -> bytes:
    fields: JsonObject = {"object": NOTE if isinstance(row, Note) else LABEL, "thread_id": thread.upstream_id}
    if row.run is not None:
        fields["run_id"] = row.run.upstream_id
    if isinstance(row, Note):
        fields |= {"id": row.note_id, "step_id": row.step_id, "text": row.text, "written_by": row.written_by}
        fields["written_at"] = row.written_at.isoformat()
    else:
        fields |= {"name": row.name, "given_by": row.given_by, "given_at": row.given_at.isoformat()}
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def write_note(connection: Connection, value: JsonObject, *, read_at: datetime, context: Context) -> bool:
    """Writes a note; False when it is there. Raises BadLine."""
    note_id, text = cut(parsing.text(value.get("id")) or "", 32), parsing.text(value.get("text")) or ""
    if not note_id or not text.strip():
        raise BadLine("this note has no id or no text")
    with transaction.atomic():
        subject = held_subject(connection, value)
        owner = owner_of(subject)
        if Note.objects.filter(thread=owner["thread"], note_id=note_id).exists():
            return False
        Note.objects.create(
            **owner, note_id=note_id, text=cut(text, MAX_NOTE_CHARS), step_id=stored_id(text_at(value, "step_id")),
            written_by=cut(text_at(value, "written_by"), 150),
            written_at=moment_at(value, "written_at", read_at, context),
        )  # fmt: skip
        reindex_notes(subject)
    return True


def write_label(connection: Connection, value: JsonObject, *, read_at: datetime, context: Context) -> bool:
    """Gives a label; False when it is there. Raises BadLine."""
    name = cut(text_at(value, "name"), 200)
    if not label_name(name):
        raise BadLine("this label has no name")
    with transaction.atomic():
        given_at = moment_at(value, "given_at", read_at, context)
        given_by = cut(text_at(value, "given_by"), 150)
        return give_label(held_subject(connection, value), name, given_by=given_by, given_at=given_at)


def held_subject(connection: Connection, value: JsonObject) -> Subject:
    """Finds the run, or thread, that a line is about, and holds its thread."""
    thread_id, run_id = stored_id(text_at(value, "thread_id")), stored_id(text_at(value, "run_id"))
    thread = Thread.objects.filter(connection=connection, upstream_id=thread_id).first()
    if thread is None or not hold_thread(thread.pk):
        raise BadLine("its thread is neither in these files nor in the index")
    if not run_id:
        return thread
    run = Run.objects.filter(connection=connection, upstream_id=run_id, thread=thread).select_related("thread").first()
    if run is None:
        raise BadLine("its run is neither in these files nor in the index")
    return run


def text_at(value: JsonObject, name: str) -> str:
    return parsing.text(value.get(name)) or ""


def moment_at(value: JsonObject, name: str, read_at: datetime, context: Context) -> datetime:
    return min(parsing.moment(value.get(name)) or read_at, context.now)
