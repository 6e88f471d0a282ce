"""Writes objects as lines of JSON: as received, with the added fields of importing/export_fields.py."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby

from django.db.models import Prefetch, QuerySet

from runsdash.index import run_columns
from runsdash.index.importing.export_fields import ExportedObject
from runsdash.index.importing.notes import note_lines
from runsdash.index.importing.read_line import ONLY_ID, OWNER_FIELDS
from runsdash.index.models import MessageBody, Run, StatusSeen, StepBody, Thread
from runsdash.index.storage.bodies import unpacked
from runsdash.index.storage.storable_text import dumped
from runsdash.service import objects
from runsdash.service.decoding import decode_json
from runsdash.service.json_types import JsonObject

from .chosen import ChosenRuns
from .named import NamedObjects, assistant_lines

RUNS_AT_ONCE = 100
BODIES_AT_ONCE = 50  # compressed; only one is unpacked at a time
# What is read of a row, and what else says which files it names.
STEP = ("raw", "step__upstream_id", "step__run_id", "step__fetched_at")
MESSAGE = ("raw", "message__upstream_id", "message__fetched_at", "message__assistant_id")
NAMES_OF_STEP, NAMES_OF_MESSAGE = ("step__call_count", "step__calls"), ("message__parts", "message__attachments")
THREAD_FLAGS = ("is_gone", "has_all_messages", "has_all_runs")


def lines(chosen: ChosenRuns) -> Iterator[bytes]:
    """Yields one object a line: each thread, its runs each with steps, its messages, files and notes; assistants."""
    for keys in chosen.threads():
        threads = Thread.objects.in_bulk(keys)
        for key in keys:
            if key in threads:
                yield from lines_of_thread(threads[key], chosen)
    yield from assistant_lines(chosen)


def lines_of_thread(thread: Thread, chosen: ChosenRuns) -> Iterator[bytes]:
    named = NamedObjects(thread, chosen)
    flags = THREAD_FLAGS if chosen.is_everything else [name for name in THREAD_FLAGS if name != "has_all_runs"]
    head = exported_thread(thread, flags=flags)
    if head is not None:
        yield head.line
    for keys in chosen.runs(thread.pk, size=RUNS_AT_ONCE):
        yield from lines_of_runs(keys, thread, named)
    yield from message_lines(thread, named)
    yield from named.lines()
    yield from note_lines(thread, lambda: {key for keys in chosen.runs(thread.pk, size=RUNS_AT_ONCE) for key in keys})


def lines_of_runs(keys: list[int], thread: Thread, named: NamedObjects) -> Iterator[bytes]:
    steps = groupby(step_bodies(keys, also=() if named.is_idle else NAMES_OF_STEP), key=lambda body: body.step.run_id)
    steps_key, own = next(steps, (None, iter(())))
    for run in runs_of(keys):
        named.of_run(run)
        if hasattr(run, "body"):
            yield exported_run(run, thread).line
        if steps_key == run.pk:
            yield from step_lines(own, run, named)
            steps_key, own = next(steps, (None, iter(())))


def runs_of(keys: list[int]) -> QuerySet[Run]:
    """Finds runs with all that `exported_run` reads."""
    seen = Prefetch("statuses_seen", StatusSeen.objects.order_by("seen_at", "id"))
    return Run.objects.filter(pk__in=keys).select_related("body").prefetch_related(seen).order_by("pk")


def step_lines(bodies: Iterable[StepBody], run: Run, named: NamedObjects) -> Iterator[bytes]:
    for body in bodies:
        step = exported_step(body, run)
        named.of_step(body.step, step.body)
        yield step.line


def step_bodies(run_keys: list[int], *, also: Iterable[str] = ()) -> Iterator[StepBody]:
    found = StepBody.objects.filter(step__run_id__in=run_keys).select_related("step").only(*STEP, *also)
    found = found.order_by("step__run_id", "step__position", "step_id")
    return found.iterator(chunk_size=BODIES_AT_ONCE)


def message_lines(thread: Thread, named: NamedObjects) -> Iterator[bytes]:
    columns = MESSAGE if named.is_idle else (*MESSAGE, *NAMES_OF_MESSAGE)
    found = MessageBody.objects.filter(message__thread=thread).select_related("message").only(*columns)
    for body in found.order_by("message__position", "message_id").iterator(chunk_size=BODIES_AT_ONCE):
        named.of_message(body.message)
        yield exported_message(body, thread).line


def exported_thread(thread: Thread, *, flags: Iterable[str] = THREAD_FLAGS) -> ExportedObject | None:
    """Exports a thread; None when only its id is known. `flags`: those that hold in the export, too."""
    kept: JsonObject = dict.fromkeys((name for name in flags if getattr(thread, name)), True)
    text = thread.body or (dumped(thread.raw).decode() if isinstance(thread.raw, dict) else "")
    if thread.fetched_at is not None and text.startswith("{"):
        return exported_object("thread", thread.upstream_id, text.encode(), thread.fetched_at, kept=kept)
    if not kept:
        return None
    body = dumped({"id": thread.upstream_id, "object": "thread"})  # its runs were read, it itself was not
    return exported_object("thread", thread.upstream_id, body, thread.added_at, kept=kept | {ONLY_ID: True})


def exported_run(run: Run, thread: Thread) -> ExportedObject:
    body = unpacked(bytes(run.body.raw))
    seen = [(one.status, one.seen_at) for one in run.statuses_seen.all()]
    is_first = seen == [(run.status, run.fetched_at)]
    added: JsonObject = {} if is_first else {"_seen": [[status, at.isoformat()] for status, at in seen]}
    kept = kept_of(run, body)
    at = run.fetched_at or run.created_at
    return exported_object("thread.run", run.upstream_id, body, at, owner=thread.upstream_id, added=added, kept=kept)


def kept_of(run: Run, body: bytes) -> JsonObject:
    """Gathers the columns whose value an import could not make from the body."""
    known = {column.name: column.unsaid for column in run_columns.COLUMNS} | {"status_since": run.fetched_at}
    known |= run_columns.columns_of(objects.Run.from_raw(decode_json(body)))
    found = {name: getattr(run, name) for name in run_columns.EXPORTED if getattr(run, name) != known[name]}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in found.items()}


def exported_step(body: StepBody, run: Run) -> ExportedObject:
    step = body.step
    raw = unpacked(bytes(body.raw))
    return exported_object("thread.run.step", step.upstream_id, raw, step.fetched_at, owner=run.upstream_id)


def exported_message(body: MessageBody, thread: Thread) -> ExportedObject:
    message, raw = body.message, unpacked(bytes(body.raw))
    return exported_object("thread.message", message.upstream_id, raw, message.fetched_at, owner=thread.upstream_id)


def exported_object(
    kind: str,
    upstream_id: str,
    body: bytes,
    fetched_at: datetime,
    *,
    owner: str = "",
    added: JsonObject | None = None,
    kept: JsonObject | None = None,
) -> ExportedObject:
    """Adds what the body does not say: its age, and its kind and owner where a server left those out."""
    fields: JsonObject = {"_fetched_at": fetched_at.isoformat()}
    if f'"object":"{kind}"'.encode() not in body:
        fields["_object"] = kind
    if owner and f'"{OWNER_FIELDS[kind]}":{json.dumps(owner)}'.encode() not in body:
        fields["_owner"] = owner
    return ExportedObject(upstream_id, body, fields | (added or {}) | ({"_kept": kept} if kept else {}))
