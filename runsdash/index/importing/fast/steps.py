"""Defines steps of the shapes that nearly all have: messages, and calls of tools; and makes their rows. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal

from msgspec import Struct

from runsdash.index.importing.read_line import Context, ImportLine
from runsdash.index.importing.rows_from_objects import StepRows, body_rest, json_column, step_rest
from runsdash.index.importing.timestamps import second_stamp, stamp
from runsdash.index.snapshots.rows import bounded, position_at, token_columns
from runsdash.index.storage.keys import key_at

from .calls import Call, CallDetails
from .fields import FastUsage, Second, Short, Word, joined_texts


class Creation(Struct, forbid_unknown_fields=True):
    message_id: Word


class CreationDetails(Struct, forbid_unknown_fields=True, tag_field="type", tag="message_creation"):
    message_creation: Creation


class FastStep(Struct, forbid_unknown_fields=True):
    id: Word
    object: Literal["thread.run.step"]
    created_at: Second
    run_id: Word
    type: Literal["tool_calls", "message_creation"]
    status: Short
    step_details: CallDetails | CreationDetails
    assistant_id: str | None = None
    thread_id: str | None = None
    cancelled_at: Second | None = None
    completed_at: Second | None = None
    expired_at: Second | None = None
    failed_at: Second | None = None
    expires_at: Second | None = None
    last_error: None = None
    usage: FastUsage | None = None
    metadata: dict[str, str] | None = None


DETAILS = {"tool_calls": CallDetails, "message_creation": CreationDetails}


def fast_positions(lines: Iterable[ImportLine], run_created_at: datetime) -> Iterator[tuple[ImportLine, int]]:
    """Yields steps of a run in their order, with the positions that `rows.positioned_steps` gives them."""
    began, last, within = run_created_at.timestamp(), None, 0
    for line in sorted(lines, key=order_of):
        second, is_message = order_of(line)
        base = position_at(bounded(int(second - began)), is_message=is_message, within=0)
        within = within + 1 if base == last else 0
        last = base
        yield line, base | within


def order_of(line: ImportLine) -> tuple[int, bool]:
    return line.value.created_at, line.value.type == "message_creation"


def fast_step_rows(line: ImportLine, context: Context, *, run_key: int, position: int) -> StepRows:
    step, calls = line.value, calls_of(line.value)
    key = key_at(step.created_at, connection_id=context.connection_id, upstream_id=step.id)
    ended_at = step.completed_at or step.failed_at or step.cancelled_at or step.expired_at
    usage, fetched, zone = step.usage, stamp(line.fetched_at, context), context.zone
    kind, rows = (calls[0].kind, json_column([call.row() for call in calls])) if calls else ("message", "[]")
    columns = {
        "connection_id": context.connection_id,
        "upstream_id": step.id,
        "type": step.type,
        "kind": kind,
        "status": step.status,
        "created_at": second_stamp(step.created_at, zone),
        "ended_at": second_stamp(ended_at, zone),
        **token_columns(usage),
        "error_code": "",
        "error_message": "",
        "message_upstream_id": "" if calls else step.step_details.message_creation.message_id,
        "calls": rows,
        "call_count": len(calls),
        "fetched_at": fetched,
    }
    row = (key, run_key, position, *step_rest(columns))
    names = list(dict.fromkeys(call.name for call in calls))
    texts = joined_texts([text for call in calls for text in call.texts()])
    return StepRows(row, (key, *body_rest(line, fetched)), names, len(calls), texts)


def calls_of(step: FastStep) -> list[Call]:
    return step.step_details.tool_calls if isinstance(step.step_details, CallDetails) else []
