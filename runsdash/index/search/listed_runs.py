"""Reads what a list shows of runs, by one statement for all rows: no model and no raw object is made of them.

Owns the statement and `ListedRun`. Which runs a page has is decided in `run_pages`; how a row looks, by the dashboard.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from runsdash.index.models import Connection, Label
from runsdash.index.run_columns import LISTED
from runsdash.service.json_types import JsonObject
from runsdash.service.statuses import RunStatus, UnknownStatus, run_status

from .sql_pieces import Sql, each_run, fetched, is_postgresql, listed_ids

TEXT_CHARS = 200  # of a text in a cell
MOMENT_COLUMNS = ("created_at", "started_at", "ended_at", "expires_at", "added_at")
OF_RUN = (
    "id", "upstream_id", "connection_id", "assistant_id", "model", "status", *MOMENT_COLUMNS, "error_code", "waits_for",
    "has_all_steps", *(column.name for column in LISTED.values()),
)  # fmt: skip
SELECTED: dict[str, str] = {
    **{name: f"r.{name}" for name in OF_RUN},
    "metadata_text": "r.metadata",
    "calls_text": "r.pending_calls",
    "error_message": f"SUBSTR(r.error_message, 1, {TEXT_CHARS})",
    "question": "COALESCE(r.question, '')",
    "reply": "COALESCE(r.reply, '')",
    "thread_upstream_id": "t.upstream_id",
    "assistant_name": "COALESCE(a.name, '')",
    "customer": "m.value",
}
NAMES = tuple(SELECTED)
MOMENT_PLACES = [NAMES.index(name) for name in MOMENT_COLUMNS]
JOINED = (
    "JOIN index_thread t ON t.id = r.thread_id "
    "LEFT JOIN index_assistant a ON a.connection_id = r.connection_id AND a.upstream_id = r.assistant_id "
    "JOIN index_connection c ON c.id = r.connection_id "
    "LEFT JOIN index_threadmetadata m ON m.thread_id = r.thread_id AND m.key = c.customer_key AND c.customer_key <> ''"
)


@dataclass(slots=True, eq=False)
class ListedThread:
    """Names the thread of a run, for links. `connection` and `is_ambiguous` are set by who knows them."""

    upstream_id: str
    connection: Connection = field(init=False)
    is_ambiguous: bool = False


class ListedRun:
    """Holds what a row shows of a run, under the names of its columns; numbers of lists too (`run_columns.LISTED`).

    Texts are cut. `connection`, and `is_ambiguous` on it and its thread, are set by who knows them.
    """

    id: int
    upstream_id: str
    connection_id: int
    assistant_id: str
    assistant_name: str
    model: str
    status: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    expires_at: datetime | None
    added_at: datetime | None
    error_code: str
    error_message: str
    question: str  # one line of at most 200 characters, "" when none is known
    reply: str
    waits_for: str
    has_all_steps: bool
    step_count: int
    duration_s: int | None
    metadata_text: str
    calls_text: str
    values: tuple[Any, ...]  # of all columns: the same row has the same
    customer: str | None  # by the thread's metadata key that its connection names
    connection: Connection
    is_ambiguous = False
    shares_assistant = False
    labels: tuple[str, ...] = ()  # where a list shows them, see `with_labels`

    def __init__(self, values: Iterable[Any]) -> None:
        self.values = tuple(values)
        self.__dict__.update(zip(NAMES, self.values, strict=True))
        self.thread = ListedThread(self.__dict__["thread_upstream_id"])

    @property
    def pk(self) -> int:
        return self.id

    @property
    def facts(self) -> RunStatus | UnknownStatus:
        return run_status(self.status)

    @property
    def metadata(self) -> JsonObject:
        found: JsonObject = json.loads(self.metadata_text)
        return found

    @property
    def pending_calls(self) -> list[JsonObject]:
        """Returns the calls of the last required action that was seen; read from text, since few rows have any."""
        found: list[JsonObject] = [] if self.calls_text == "[]" else json.loads(self.calls_text)
        return found


class ListedRuns:
    """Reads rows of a list by their ids. `instead`: expressions for columns that a list shows in another way."""

    def __init__(self, **instead: str) -> None:
        self.selected = ", ".join((SELECTED | instead).values())

    def in_bulk(self, ids: Sequence[int]) -> dict[int, ListedRun]:
        """Returns the runs that are there, by id."""
        rows = each_run(listed_ids(ids))
        found = fetched(Sql(f"SELECT {self.selected} FROM {rows.text} {JOINED}", rows.params))
        if not is_postgresql():
            found = [with_moments(row) for row in found]
        return {row[0]: ListedRun(row) for row in found}


def with_labels(runs: Sequence[ListedRun]) -> None:
    """Reads the labels of the runs."""
    found: dict[int, list[str]] = {}
    rows = Label.objects.filter(run__in=[run.id for run in runs]).order_by("name").values_list("run_id", "name")
    for key, name in rows:
        found.setdefault(key, []).append(name)
    for run in runs:
        run.labels = tuple(found.get(run.id, ()))


def with_moments(row: Sequence[Any]) -> list[Any]:
    """Says of times that they are in UTC, which SQLite does not keep."""
    values = list(row)
    for place in MOMENT_PLACES:
        if values[place] is not None:
            values[place] = values[place].replace(tzinfo=UTC)
    return values
