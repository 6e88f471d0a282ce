"""Declares the columns of a run, each once: what makes it, what an export keeps of it, how lists show numbers.

Writers, imports, exports, filters and lists read this; `models/runs.py` and a migration make the column itself. Keys,
leases and what is known of the walk through a run's steps are no such columns. Imports no model.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from runsdash.index.storage.column_types import Columns, ColumnValue
from runsdash.service.json_types import Json, JsonLike, JsonObject
from runsdash.service.objects import Run, ToolCall, Usage, parsing

from .storage.previews import call_row
from .storage.storable_text import ID_CHARS, cut, storable_json

ARGUMENTS_CHARS = 160  # of a pending call, for the inbox
ERROR_CHARS = 2000
MOST_TOKENS = 2**40  # of one run
Unit = Literal["seconds", "count", "dollars"]


@dataclass(frozen=True, kw_only=True)
class ListedNumber:
    """Says how lists show, sort and filter a number. `word` is its name in filters and addresses.

    `examples`: a smaller and a larger value. `width`: the narrowest screens that show it, p1 all, p2, p3 the widest.
    """

    word: str
    label: str
    unit: Unit
    examples: tuple[str, str]
    width: str = "p2"
    is_usual: bool = True


@dataclass(frozen=True, kw_only=True)
class RunColumn:
    """Declares a column of index_run.

    `of_run` makes it of a snapshot, None meaning that the snapshot does not say; `of_usage` of a snapshot's usage.
    A column without both is RunsDash's own. `of_export` reads the value beside an exported body, for what the body may
    not say. `is_last_known`: a snapshot that does not say leaves the value. `unsaid`: the value of a new row.
    """

    name: str
    of_run: Callable[[Run], ColumnValue] | None = None
    of_usage: Callable[[Usage], int | None] | None = None
    of_export: Callable[[Json], ColumnValue] | None = None
    is_last_known: bool = False
    unsaid: ColumnValue = None
    csv: str = ""
    listed: ListedNumber | None = field(default=None)


def token_count(column: RunColumn, usage: Usage | None) -> int | None:
    """Reads a count; None when the server gives none, or one so large that sums would overflow."""
    count = column.of_usage(usage) if usage and column.of_usage else None
    return count if count is not None and 0 <= count < MOST_TOKENS else None


def details_count(details: JsonObject | None, name: str) -> int | None:
    return parsing.integer((details or {}).get(name))


def error_code(run: Run) -> str:
    return cut((run.last_error.code if run.last_error else None) or run.incomplete_reason or "", ID_CHARS)


def waits_for(run: Run) -> str:
    required = run.required_action
    return cut(required.type or "", 40) if required and required.tool_calls and run.status.is_waiting else ""


def pending_call(call: ToolCall) -> JsonObject:
    """Makes what the inbox shows of a call: of its arguments the start, on one line, and whose tool it is."""
    arguments = " ".join(cut(call.arguments or "", ARGUMENTS_CHARS).split())
    return call_row(call) | {"arguments": arguments, "server_label": cut(call.server_label or "", 200)}


def kept_calls(value: Json) -> JsonLike:
    return storable_json([one for one in parsing.listing(value) if isinstance(one, dict)])


COLUMNS = (
    RunColumn(name="assistant_id", of_run=lambda run: cut(run.assistant_id or "", ID_CHARS), csv="assistant"),
    RunColumn(name="model", of_run=lambda run: cut(run.model or "", ID_CHARS), csv="model"),
    RunColumn(name="status", of_run=lambda run: cut(run.status or "unknown", 40)),
    RunColumn(name="status_since", of_export=parsing.moment),
    RunColumn(name="created_at", csv="created_at"),
    RunColumn(
        name="started_at", of_run=lambda run: run.started_at, of_export=parsing.moment, is_last_known=True,
        csv="started_at",
    ),
    RunColumn(name="ended_at", of_run=lambda run: run.ended_at, csv="ended_at"),
    RunColumn(
        name="expires_at", of_run=lambda run: run.expires_at, of_export=parsing.moment, is_last_known=True,
    ),
    RunColumn(
        name="queue_s", csv="queue_s",
        listed=ListedNumber(word="queue", label="Queued", unit="seconds", examples=("2m", "5m"), width="p3"),
    ),
    RunColumn(
        name="duration_s", csv="duration_s",
        listed=ListedNumber(word="duration", label="Took", unit="seconds", examples=("10s", "2m"), width="p1"),
    ),
    RunColumn(
        name="prompt_tokens", of_usage=lambda usage: usage.prompt_tokens, of_export=parsing.integer,
        is_last_known=True, csv="prompt_tokens",
    ),
    RunColumn(
        name="completion_tokens", of_usage=lambda usage: usage.completion_tokens, of_export=parsing.integer,
        is_last_known=True, csv="completion_tokens",
    ),
    RunColumn(
        name="total_tokens", of_usage=lambda usage: usage.total_tokens, of_export=parsing.integer,
        is_last_known=True, csv="total_tokens",
        listed=ListedNumber(word="tokens", label="Tokens", unit="count", examples=("1k", "5k")),
    ),
    RunColumn(
        name="cached_tokens", of_usage=lambda usage: details_count(usage.prompt_tokens_details, "cached_tokens"),
        of_export=parsing.integer, is_last_known=True, csv="cached_tokens",
        listed=ListedNumber(
            word="cached", label="Cached", unit="count", examples=("1k", "5k"), width="p3", is_usual=False
        ),
    ),
    RunColumn(
        name="cost", csv="cost_usd",
        listed=ListedNumber(word="cost", label="Cost", unit="dollars", examples=("0.25", "1")),
    ),
    RunColumn(
        name="step_count", csv="steps",
        listed=ListedNumber(word="steps", label="Steps", unit="count", examples=("5", "20"), width="p3"),
    ),
    RunColumn(name="tool_call_count", csv="tool_calls"),
    RunColumn(name="error_code", of_run=error_code, csv="error_code"),
    RunColumn(
        name="error_message", csv="error_message",
        of_run=lambda run: cut((run.last_error.message if run.last_error else None) or "", ERROR_CHARS),
    ),
    # What messages say, not the run: see index/excerpts.py.
    RunColumn(name="question", unsaid=""),
    RunColumn(name="reply", unsaid=""),
    RunColumn(name="metadata", of_run=lambda run: storable_json(run.metadata or {})),
    RunColumn(
        name="pending_calls", of_run=lambda run: [pending_call(call) for call in run.pending_calls],
        of_export=kept_calls, is_last_known=True,
    ),
    RunColumn(name="waits_for", of_run=waits_for),
    RunColumn(
        name="steps_cursor", of_export=lambda value: cut(parsing.text(value) or "", ID_CHARS), unsaid="",
    ),
    RunColumn(name="has_all_steps", of_export=parsing.flag),
    RunColumn(name="steps_checked_at", of_export=parsing.moment),
    RunColumn(name="archived_at", of_export=parsing.moment),
)  # fmt: skip
OF_USAGE = tuple(column for column in COLUMNS if column.of_usage)
LAST_KNOWN = tuple(column.name for column in COLUMNS if column.is_last_known)
EXPORTED = {column.name: column.of_export for column in COLUMNS if column.of_export}
# Numbers of lists, by their words.
LISTED = {column.listed.word: column for column in COLUMNS if column.listed}


def end_of_expired(ended_at: datetime | None, expires_at: datetime | None, *, seen_at: datetime) -> datetime | None:
    """Returns the server's word, or the last known deadline: most servers take it away once it is over."""
    return ended_at or (min(expires_at, seen_at) if expires_at else None)


def columns_of(run: Run) -> Columns:
    """Makes the columns that come from a snapshot alone."""
    made = {column.name: column.of_run(run) for column in COLUMNS if column.of_run}
    return made | {column.name: token_count(column, run.usage) for column in OF_USAGE}
