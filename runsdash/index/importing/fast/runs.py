"""Defines runs of the shape that nearly all have, waiting for nothing in a known status, and makes their rows. Pure."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct

from runsdash.index import run_states
from runsdash.index.fulltext.words import joined_words
from runsdash.index.importing.read_line import Context, ImportLine
from runsdash.index.importing.row_types import RunRows
from runsdash.index.importing.rows_from_objects import StepRows, body_rest, json_column, run_rest, texts_of, tools_of
from runsdash.index.importing.thread_messages import ThreadMessages
from runsdash.index.importing.timestamps import second_stamp, stamp
from runsdash.index.run_columns import COLUMNS, ERROR_CHARS, OF_USAGE, token_count
from runsdash.index.snapshots.rows import STEP_COUNTS, bounded, metadata_pairs
from runsdash.index.storage.keys import key_at
from runsdash.index.storage.storable_text import ID_CHARS
from runsdash.service.statuses import RunStatus

from .fields import FastUsage, MaybeWord, Second, Word

Status = Literal[tuple(status.value for status in RunStatus)]
ENDED = frozenset(run_states.ENDED)
NOT_SAID = {column.name: column.unsaid for column in COLUMNS} | {"pending_calls": "[]", "waits_for": ""}


class Error(Struct, forbid_unknown_fields=True):
    code: Annotated[str, Meta(max_length=ID_CHARS)]
    message: Annotated[str, Meta(max_length=ERROR_CHARS)]


class Incomplete(Struct, forbid_unknown_fields=True):
    reason: Word


class FastRun(Struct, forbid_unknown_fields=True):
    id: Word
    object: Literal["thread.run"]
    created_at: Second
    thread_id: Word
    status: Status
    assistant_id: MaybeWord = None
    model: MaybeWord = None
    instructions: str | None = None
    started_at: Second | None = None
    expires_at: Second | None = None
    cancelled_at: Second | None = None
    failed_at: Second | None = None
    completed_at: Second | None = None
    required_action: None = None
    last_error: Error | None = None
    incomplete_details: Incomplete | None = None
    usage: FastUsage | None = None
    metadata: dict[str, str] | None = None
    # Parameters: pages read them out of the body.
    tools: Raw = Raw()
    tool_resources: Raw = Raw()
    temperature: Raw = Raw()
    top_p: Raw = Raw()
    max_prompt_tokens: Raw = Raw()
    max_completion_tokens: Raw = Raw()
    truncation_strategy: Raw = Raw()
    tool_choice: Raw = Raw()
    parallel_tool_calls: Raw = Raw()
    response_format: Raw = Raw()
    reasoning_effort: Raw = Raw()

    pending_calls = ()

    @property
    def ended_at(self) -> int | None:
        """Finds the same as `service.objects.Run.ended_at`."""
        if self.status not in ENDED:
            return None
        own = {run_states.FAILED: self.failed_at, run_states.CANCELLED: self.cancelled_at}.get(self.status)
        last = self.expires_at if self.status == run_states.EXPIRED else None
        return own or self.completed_at or self.failed_at or self.cancelled_at or last


def fast_run_key(run: FastRun, context: Context) -> int:
    return key_at(run.created_at, connection_id=context.connection_id, upstream_id=run.id)


def fast_run_rows(
    key: int,
    line: ImportLine,
    created_at: datetime,
    steps: list[StepRows],
    thread_messages: ThreadMessages,
    context: Context,
) -> RunRows:
    """Makes the same as `rows_from_objects.run_rows`."""
    run, usage, error, zone = line.value, line.value.usage, line.value.last_error, context.zone
    began, ended = run.started_at or run.created_at, run.ended_at
    fetched, metadata = stamp(line.fetched_at, context), run.metadata or {}
    code = (error and error.code) or (run.incomplete_details and run.incomplete_details.reason) or ""
    columns = NOT_SAID | {
        "connection_id": context.connection_id,
        "upstream_id": run.id,
        "assistant_id": run.assistant_id or "",
        "model": run.model or "",
        "status": run.status,
        "status_since": fetched,
        "created_at": second_stamp(run.created_at, zone),
        "started_at": second_stamp(run.started_at, zone),
        "ended_at": second_stamp(ended, zone),
        "expires_at": second_stamp(run.expires_at, zone),
        "queue_s": None if run.started_at is None else bounded(run.started_at - run.created_at),
        "duration_s": None if ended is None else bounded(ended - began),
        "error_code": code,
        "error_message": error.message if error else "",
        "metadata": json_column(metadata),
        "step_count": len(steps),
        "has_all_steps": context.is_archive and run.status in ENDED,
        "tool_call_count": sum(step.calls for step in steps),
        "fetched_at": fetched,
        "checked_at": fetched,
    }
    if usage:
        columns |= {column.name: token_count(column, usage) for column in OF_USAGE}
    return RunRows(
        key, run.id, run.thread_id, line.fetched_at, created_at, run.model or "",
        *(columns[name] for name in STEP_COUNTS),
        pairs=[(pair["key"], pair["value"]) for pair in metadata_pairs(0, metadata)],
        tools=tools_of([], steps),
        seen=[(run.status, fetched)],
        steps=[step.row for step in steps],
        step_bodies=[step.body for step in steps],
        words=joined_words(texts_of(run, created_at, steps, thread_messages)),
        rest=run_rest(columns),
        body=body_rest(line, fetched),
    )  # fmt: skip
