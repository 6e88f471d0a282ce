"""Names the rows that a block of lines becomes: tuples, ready but for the keys that only the writer knows.

`rest` is a row without its own key and its owner's; the column names stand beside it here. Times and JSON are texts.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from runsdash.index.run_columns import COLUMNS
from runsdash.index.storage.column_types import SqlRow
from runsdash.service.json_types import JsonObject


class BodyRest(NamedTuple):
    """Holds a row of a body without its key."""

    size: int
    digest: str
    fetched_at: str
    preview: str
    raw: bytes


BODY_REST = BodyRest._fields
STEP_REST = (
    "connection_id", "upstream_id", "type", "kind", "status", "created_at", "ended_at", "prompt_tokens",
    "completion_tokens", "total_tokens", "error_code", "error_message", "message_upstream_id", "calls", "call_count",
    "fetched_at",
)  # fmt: skip
STEP_NAMES, STEP_BODY_NAMES = ("id", "run_id", "position", *STEP_REST), ("step_id", *BODY_REST)
MESSAGE_REST = (
    "connection_id", "upstream_id", "run_upstream_id", "assistant_id", "role", "status", "incomplete_reason",
    "created_at", "parts", "attachments", "metadata", "fetched_at",
)  # fmt: skip
RUN_REST = (
    "connection_id", "upstream_id", "fetched_at", "checked_at", *(one.name for one in COLUMNS if one.name != "cost"),
)  # fmt: skip
RUN_NAMES = ("id", "thread_id", "cost", *RUN_REST)


class ThreadSnapshot(NamedTuple):
    """Holds a thread as fetched: it is small and is written as any snapshot."""

    upstream_id: str
    fetched_at: datetime
    value: JsonObject
    kept: JsonObject


class StartedRun(NamedTuple):
    """Names a run that a call of a step started, and its thread ("": not said)."""

    step_id: str
    upstream_id: str
    thread_id: str


class OrphanStep(NamedTuple):
    """Holds a step whose run is not in the block.

    `created_at` (None: not said) and `is_message` make its position, once its run is known. `calls`: (names of the
    tools, how many calls).
    """

    key: int
    upstream_id: str
    run_id: str
    fetched_at: datetime
    created_at: datetime | None
    is_message: bool
    calls: tuple[list[str], int]
    started: list[StartedRun]
    rest: SqlRow
    body: BodyRest


class RunRows(NamedTuple):
    """Holds a run with those of its steps that stand in the same block.

    Its cost is for the writer to find: prices are settings. `steps` and `step_bodies` are whole rows of RunStep and
    StepBody, by the keys that the writer expects to be free.
    """

    key: int
    upstream_id: str
    thread_id: str
    fetched_at: datetime
    created_at: datetime
    status: str
    model: str
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    cached_tokens: int | None
    rest: SqlRow
    body: BodyRest
    pairs: list[tuple[str, str]]
    tools: list[str]
    seen: list[tuple[str, str]]
    steps: list[SqlRow]
    step_bodies: list[SqlRow]
    started: list[StartedRun]
    words: tuple[str, bool]


class MessageRows(NamedTuple):
    """Holds a message. `position`: its second and rank, and its place among those of the block.

    `excerpt` as by index/excerpts.py.
    """

    key: int
    upstream_id: str
    thread_id: str
    run_id: str
    fetched_at: datetime
    created_at: datetime
    position: int
    role: str
    excerpt: str
    rest: SqlRow
    body: BodyRest


class RunSnapshot(NamedTuple):
    """Holds a further snapshot of a run that is in the block already."""

    body: bytes
    thread_id: str
    fetched_at: datetime


class RefusedLine(NamedTuple):
    """Names a line that could not be imported, and why."""

    name: str
    number: int
    reason: str


@dataclass
class BlockRows:
    """Holds the rows of a block. `orphan_steps` belong to runs that stand elsewhere."""

    threads: list[ThreadSnapshot] = field(default_factory=list)
    runs: dict[str, RunRows] = field(default_factory=dict)
    later_snapshots: list[RunSnapshot] = field(default_factory=list)
    orphan_steps: list[OrphanStep] = field(default_factory=list)
    messages: list[MessageRows] = field(default_factory=list)
    refused_lines: list[RefusedLine] = field(default_factory=list)
    size: int = 0

    @property
    def started(self) -> list[StartedRun]:
        """Returns what all its steps started."""
        every = [*(run.started for run in self.runs.values()), *(step.started for step in self.orphan_steps)]
        return [one for own in every for one in own]

    @property
    def is_empty(self) -> bool:
        return not (self.threads or self.runs or self.later_snapshots or self.orphan_steps or self.messages)
