"""Makes rows of objects of any shape, by the same functions that `snapshots` uses. Pure."""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from hashlib import blake2b
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

import orjson

from runsdash.index import run_columns, run_states
from runsdash.index.excerpts import excerpt_of
from runsdash.index.fulltext.run_texts import Text, message_texts, run_texts, step_texts
from runsdash.index.fulltext.words import joined_words
from runsdash.index.missed_calls import StepCalls, missed_calls
from runsdash.index.snapshots import rows
from runsdash.index.storage.column_types import SqlRow, SqlValue
from runsdash.index.storage.keys import key_for
from runsdash.index.storage.previews import MAX_CALLS_IN_ROW, SHORT_BODY_BYTES, call_row, run_preview, step_preview
from runsdash.index.storage.storable_text import ID_CHARS, cut, stored_id
from runsdash.service.json_types import Json, JsonLike, JsonObject
from runsdash.service.objects import Message, Run, RunStep, parsing
from runsdash.service.statuses import StepStatus, step_status

from .read_line import Context, ImportLine
from .row_types import MESSAGE_REST, RUN_REST, STEP_REST, BodyRest, MessageRows, OrphanStep, RunRows, StartedRun
from .thread_messages import ThreadMessages
from .timestamps import stamp, stamp_in

RowColumns: TypeAlias = dict[str, Any]  # by name: of as many types as a table has
NO_PREVIEW = "{}"
run_rest, step_rest, message_rest = itemgetter(*RUN_REST), itemgetter(*STEP_REST), itemgetter(*MESSAGE_REST)
MAX_SEEN = 200  # status changes of a run


def json_column(value: JsonLike) -> str:
    try:
        return orjson.dumps(value).decode()
    except (orjson.JSONEncodeError, RecursionError):
        return json.dumps(value)  # an integer beyond 64 bits


def digest_of(body: bytes) -> str:
    return blake2b(body, digest_size=16).hexdigest()


def body_rest(line: ImportLine, fetched: str, preview: Callable[[], JsonObject] | None = None) -> BodyRest:
    """Makes a row of a body without its key. `preview` is called as by `snapshots.rows.body_row`."""
    size, digest = len(line.body), digest_of(line.body)
    stored = json_column(preview()) if preview and size >= SHORT_BODY_BYTES else NO_PREVIEW
    return BodyRest(size, digest, fetched, stored, rows.packed(line.body))


class StepRows(NamedTuple):
    """Holds a step of a run in the same block: its rows of RunStep and StepBody.

    `names`: the different tools it called, `calls`: how often in all; `open_calls`: tells, if the
    run expired, what it waited for (missed_calls.py).
    """

    row: SqlRow
    body: SqlRow
    names: list[str]
    calls: int
    open_calls: StepCalls
    started: list[StartedRun]
    texts: Iterable[Text]
    is_ended: bool


def run_key(run: Run, line: ImportLine, context: Context) -> int:
    created_at = run.created_at or line.fetched_at
    return key_for(connection_id=context.connection_id, upstream_id=stored_id(run.id), created_at=created_at)


def run_rows(
    key: int, run: Run, line: ImportLine, steps: list[StepRows], thread_messages: ThreadMessages, context: Context
) -> RunRows:
    """Makes the rows of a run with its steps. `key` as by `run_key`."""
    columns, fetched = columns_of_run(run, line, steps), stamp_in(line.fetched_at, context.zone)
    columns |= {"connection_id": context.connection_id, "fetched_at": fetched, "checked_at": fetched}
    columns["question"] = thread_messages.question(columns["created_at"])
    columns["reply"] = thread_messages.reply(run.id)
    said = columns["has_all_steps"]
    is_whole = context.is_archive and all(step.is_ended for step in steps)
    columns["has_all_steps"] = run.is_terminal and (is_whole if said is None else said)
    return RunRows(
        key=key,
        upstream_id=columns["upstream_id"],
        thread_id=stored_id(run.thread_id or ""),
        fetched_at=line.fetched_at,
        created_at=columns["created_at"],
        **{name: columns[name] for name in ("status", "model", *rows.STEP_COUNTS, "cached_tokens")},
        pairs=list(rows.metadata_pairs(columns["metadata"]).items()),
        tools=tools_of(columns["pending_calls"], steps),
        seen=seen_rows(line.seen, context) or [(columns["status"], fetched)],
        steps=[step.row for step in steps],
        step_bodies=[step.body for step in steps],
        started=[one for step in steps for one in step.started],
        words=joined_words(texts_of(run, columns["created_at"], steps, thread_messages)),
        rest=run_rest({name: stored_value(value, context) for name, value in columns.items()}),
        body=body_rest(line, fetched, partial(run_preview, run)),
    )


def columns_of_run(run: Run, line: ImportLine, steps: list[StepRows]) -> RowColumns:
    created_at = run.created_at or line.fetched_at
    columns: RowColumns = {
        **{column.name: column.unsaid for column in run_columns.COLUMNS},
        **run_columns.columns_of(run),
        "upstream_id": stored_id(run.id),
        "created_at": created_at,
        "status_since": line.fetched_at,
        "step_count": len(steps),
        "tool_call_count": sum(step.calls for step in steps),
        **kept_columns(line.kept),
    }
    if columns["status"] == run_states.EXPIRED:
        missed, ended_at = missed_calls(step.open_calls for step in steps)
        columns["pending_calls"] = columns["pending_calls"] or missed
        columns["ended_at"] = (
            run_columns.end_of_expired(columns["ended_at"], columns["expires_at"], seen_at=line.fetched_at) or ended_at
        )
    columns["queue_s"] = rows.seconds_between(created_at, columns["started_at"])
    columns["duration_s"] = rows.seconds_between(columns["started_at"] or created_at, columns["ended_at"])
    return columns


def stored_value(value: datetime | Json, context: Context) -> SqlValue:
    """Writes times and JSON as texts."""
    if isinstance(value, datetime):
        return stamp(value, context)
    return json_column(value) if isinstance(value, dict | list) else value


def tools_of(pending: list[JsonObject], steps: list[StepRows]) -> list[str]:
    names = dict.fromkeys(cut(parsing.text(call.get("name")) or "", ID_CHARS) for call in pending)
    names |= dict.fromkeys(name for step in steps for name in step.names)
    return [name for name in names if name][: rows.TOOLS]


def texts_of(run: Run, created_at: datetime, steps: list[StepRows], thread_messages: ThreadMessages) -> Iterator[Text]:
    """Yields the texts of a run in the order of `fulltext.writer.texts_of`, which reads them from the index."""
    yield from run_texts(run)
    yield from thread_messages.texts(run.id, created_at)
    for step in steps:
        yield from step.texts


def kept_columns(kept: JsonObject) -> RowColumns:
    readers = run_columns.EXPORTED
    read = {name: readers[name](value) for name, value in kept.items() if name in readers}
    return {name: value for name, value in read.items() if value is not None}


def seen_rows(seen: list[Json], context: Context) -> list[tuple[str, str]]:
    """Reads status changes as an export has them; what is not a pair of word and time is left out."""
    pairs = [one for one in seen[:MAX_SEEN] if isinstance(one, list) and len(one) == 2]
    read = [(cut(parsing.text(status) or "", 40), parsing.moment(at)) for status, at in pairs]
    return [(status, stamp_in(at, context.zone)) for status, at in read if status and at]


def step_rows(
    step: RunStep, line: ImportLine, context: Context, *, run_key: int, position: int, fallback: datetime
) -> StepRows:
    """Makes the rows of a step; `fallback` stands in for a missing time."""
    key, rest, body = step_columns(step, line, context, created_at=step.created_at or fallback)
    calls = step.tool_calls
    may_wait = calls[:MAX_CALLS_IN_ROW] if step.status != StepStatus.COMPLETED.value else ()
    return StepRows(
        row=(key, run_key, position, *rest),
        body=(key, *body),
        names=rows.tool_names(calls),
        calls=len(calls),
        open_calls=(step.status or "", [call_row(call) for call in may_wait], step.ended_at),
        started=started_runs(step, line),
        texts=step_texts(step),
        is_ended=step_status(step.status or "").is_terminal,
    )


def orphan_step(step: RunStep, line: ImportLine, context: Context) -> OrphanStep:
    """Makes the rows of a step whose run is not in the block."""
    key, rest, body = step_columns(step, line, context, created_at=step.created_at or line.fetched_at)
    return OrphanStep(
        key=key,
        upstream_id=stored_id(step.id),
        run_id=stored_id(line.owner_id),
        fetched_at=line.fetched_at,
        created_at=step.created_at,
        is_message=step.type == "message_creation",
        calls=(rows.tool_names(step.tool_calls), len(step.tool_calls)),
        started=started_runs(step, line),
        rest=rest,
        body=body,
    )


def started_runs(step: RunStep, line: ImportLine) -> list[StartedRun]:
    return [
        StartedRun(stored_id(step.id), stored_id(call.child_run_id), stored_id(call.child_thread_id or ""))
        for call in step.tool_calls[:MAX_CALLS_IN_ROW]
        if call.child_run_id and call.child_run_id != line.owner_id
    ]


def step_columns(
    step: RunStep, line: ImportLine, context: Context, *, created_at: datetime
) -> tuple[int, SqlRow, BodyRest]:
    """Returns (key, rest of the row, rest of the body)."""
    upstream_id, fetched = stored_id(step.id), stamp_in(line.fetched_at, context.zone)
    columns: RowColumns = rows.step_columns(step, position=0)
    columns["connection_id"] = context.connection_id
    columns["upstream_id"] = upstream_id
    columns["created_at"] = stamp(created_at, context)
    columns["ended_at"] = stamp(columns["ended_at"], context)
    columns["fetched_at"] = fetched
    columns["calls"] = json_column(columns["calls"]) if columns["calls"] else "[]"
    key = key_for(connection_id=context.connection_id, upstream_id=upstream_id, created_at=created_at)
    return key, step_rest(columns), body_rest(line, fetched, partial(step_preview, step))


def message_rows(
    message: Message, line: ImportLine, created_at: datetime, position: int, context: Context
) -> tuple[MessageRows, list[Text]]:
    """Makes the rows of a message; returns its texts, too."""
    upstream_id, fetched = stored_id(message.id), stamp_in(line.fetched_at, context.zone)
    columns: RowColumns = rows.message_columns(message, position=position) | {
        "connection_id": context.connection_id,
        "upstream_id": upstream_id,
        "created_at": stamp(created_at, context),
        "fetched_at": fetched,
    }
    excerpt = excerpt_of(columns["parts"])
    for name in ("parts", "attachments", "metadata"):
        columns[name] = json_column(columns[name])
    found = MessageRows(
        key=key_for(connection_id=context.connection_id, upstream_id=upstream_id, created_at=created_at),
        upstream_id=upstream_id,
        thread_id=stored_id(message.thread_id or ""),
        run_id=columns["run_upstream_id"],
        fetched_at=line.fetched_at,
        created_at=created_at,
        position=position,
        role=columns["role"],
        excerpt=excerpt,
        rest=message_rest(columns),
        body=body_rest(line, fetched),
    )
    return found, list(message_texts(message))
