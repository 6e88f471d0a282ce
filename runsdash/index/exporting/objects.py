"""Objects as lines of JSON: as received, and behind that what the body alone does not tell (see bulk/tail.py)."""

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby

from django.db.models import Prefetch

from runsdash.index import rows
from runsdash.index.bodies import unpacked
from runsdash.index.bulk.making import KEPT
from runsdash.index.bulk.reading import ONLY_ID
from runsdash.index.bulk.tail import with_tail
from runsdash.index.models import Message, MessageBody, Run, StatusSeen, StepBody, Thread
from runsdash.index.texts import dumped
from runsdash.service import objects
from runsdash.service.decoding import decode_json

from .chosen import Chosen
from .named import Named, assistant_lines

RUNS_AT_ONCE = 100
BODIES_AT_ONCE = 50  # compressed; only one is unpacked at a time
THREAD_FLAGS = ("is_gone", "has_all_messages", "has_all_runs")


def lines(chosen: Chosen) -> Iterator[bytes]:
    """One object a line: each thread, its runs each with its steps, its messages, the files they name; assistants."""
    for keys in chosen.threads():
        threads = Thread.objects.in_bulk(keys)
        for key in keys:
            if key in threads:
                yield from lines_of_thread(threads[key], chosen)
    yield from assistant_lines(chosen)


def lines_of_thread(thread: Thread, chosen: Chosen) -> Iterator[bytes]:
    named = Named(thread, chosen)
    yield from thread_lines(thread, is_everything=chosen.is_everything)
    for keys in chosen.runs(thread.pk, size=RUNS_AT_ONCE):
        yield from lines_of_runs(keys, thread, named)
    yield from message_lines(thread, named)
    yield from named.lines()


def lines_of_runs(keys: list[int], thread: Thread, named: Named) -> Iterator[bytes]:
    seen = Prefetch("statuses_seen", StatusSeen.objects.order_by("seen_at", "id"))
    runs = Run.objects.filter(pk__in=keys).select_related("body").prefetch_related(seen).order_by("pk")
    steps = groupby(step_bodies(keys), key=lambda body: body.step.run_id)
    steps_key, own = next(steps, (None, iter(())))
    for run in runs:
        named.of_run(run)
        if hasattr(run, "body"):
            yield run_line(run, thread)
        if steps_key == run.pk:
            yield from (step_line(body, run, named) for body in own)
            steps_key, own = next(steps, (None, iter(())))


def step_bodies(run_keys: list[int]) -> Iterator[StepBody]:
    found = StepBody.objects.filter(step__run_id__in=run_keys).select_related("step").defer("preview")
    found = found.order_by("step__run_id", "step__position", "step_id")
    return found.iterator(chunk_size=BODIES_AT_ONCE)


def message_lines(thread: Thread, named: Named) -> Iterator[bytes]:
    found = MessageBody.objects.filter(message__thread=thread).select_related("message").defer("preview")
    for body in found.order_by("message__position", "message_id").iterator(chunk_size=BODIES_AT_ONCE):
        named.of_message(body.message)
        yield message_line(body.message, unpacked(bytes(body.raw)), thread)


def thread_lines(thread: Thread, *, is_everything: bool) -> Iterator[bytes]:
    """None, when nothing is known of it but its id."""
    flags = [name for name in THREAD_FLAGS if getattr(thread, name) and (name != "has_all_runs" or is_everything)]
    kept = {"_kept": dict.fromkeys(flags, True)} if flags else {}
    if thread.fetched_at is not None and isinstance(thread.raw, dict):
        yield line(dumped(thread.raw), "thread", "", "", thread.fetched_at, kept)
    elif kept:  # its runs were read, it itself was not
        kept["_kept"][ONLY_ID] = True
        yield line(dumped({"id": thread.upstream_id, "object": "thread"}), "thread", "", "", thread.added_at, kept)


def run_line(run: Run, thread: Thread) -> bytes:
    body = unpacked(bytes(run.body.raw))
    added: dict[str, object] = {}
    seen = [(one.status, one.seen_at) for one in run.statuses_seen.all()]
    if seen != [(run.status, run.fetched_at)]:
        added["_seen"] = [[status, at.isoformat()] for status, at in seen]
    kept = kept_of(run, body)
    if kept:
        added["_kept"] = kept
    return line(body, "thread.run", "thread_id", thread.upstream_id, run.fetched_at, added)


def kept_of(run: Run, body: bytes) -> dict[str, object]:
    """Columns whose value an import could not make from the body."""
    told = rows.run_columns(objects.Run.from_raw(decode_json(body)))
    told |= {"status_since": run.fetched_at, "steps_checked_at": None, "has_all_steps": None, "steps_cursor": ""}
    told["archived_at"] = None
    found = {name: getattr(run, name) for name in KEPT if getattr(run, name) != told[name]}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in found.items()}


def step_line(body: StepBody, run: Run, named: Named) -> bytes:
    step, text = body.step, unpacked(bytes(body.raw))
    named.of_step(step, text)
    return line(text, "thread.run.step", "run_id", run.upstream_id, step.fetched_at, {})


def message_line(message: Message, body: bytes, thread: Thread) -> bytes:
    return line(body, "thread.message", "thread_id", thread.upstream_id, message.fetched_at, {})


def line(body: bytes, kind: str, owner_name: str, owner: str, fetched_at: datetime, added: dict) -> bytes:
    """`body` with its tail. Where a server left out what the object is or whose it is, the tail says it."""
    tail: dict[str, object] = {"_fetched_at": fetched_at.isoformat()}
    if f'"object":"{kind}"'.encode() not in body:
        tail["_object"] = kind
    if owner_name and f'"{owner_name}":{json.dumps(owner)}'.encode() not in body:
        tail["_owner"] = owner
    return with_tail(body, tail | added) + b"\n"
