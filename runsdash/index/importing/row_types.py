"""What an extracted block consists of: rows as tuples, ready but for the keys that only the writer knows.

`rest` is a row without its own key and its owner's; the column names stand beside it here.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

BODY_REST = ("size", "digest", "fetched_at", "preview", "raw")
RUN_REST = (
    "connection_id", "upstream_id", "assistant_id", "model", "status", "status_since", "created_at", "started_at",
    "ended_at", "expires_at", "queue_s", "duration_s", "prompt_tokens", "completion_tokens", "total_tokens",
    "error_code", "error_message", "metadata", "pending_calls", "waits_for", "step_count", "steps_cursor",
    "has_all_steps", "tool_call_count", "steps_checked_at", "archived_at", "fetched_at", "checked_at",
)  # fmt: skip
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


class ThreadSnapshot(NamedTuple):
    """A thread as fetched: its object is small and goes the ordinary way."""

    upstream_id: str
    fetched_at: datetime
    value: dict
    kept: dict


class OrphanStep(NamedTuple):
    """A step away from its run. `created_at` (None: not said) and `is_message` make its position, once that is known.

    `calls`: (tool names, how many calls).
    """

    key: int
    upstream_id: str
    run_id: str
    fetched_at: datetime
    created_at: datetime | None
    is_message: bool
    calls: tuple[list[str], int]
    rest: tuple
    body: tuple


class RunRows(NamedTuple):
    """A run with those of its steps that stand in the same block.

    What it cost is the writer's to say: prices are settings. `steps` and `step_bodies` are whole rows of RunStep and
    StepBody, by the keys that the writer bets on.
    """

    key: int
    upstream_id: str
    thread_id: str
    fetched_at: datetime
    created_at: datetime
    model: str
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    rest: tuple
    body: tuple
    pairs: list[tuple[str, str]]
    tools: list[str]
    seen: list[tuple[str, str]]
    steps: list[tuple]
    step_bodies: list[tuple]
    words: tuple[str, bool]


class MessageRows(NamedTuple):
    """`position`: its second and rank, and its place among those of the block (see index/snapshots/message_order.py)."""

    key: int
    upstream_id: str
    thread_id: str
    run_id: str
    fetched_at: datetime
    created_at: datetime
    position: int
    rest: tuple
    body: tuple


class RunSnapshot(NamedTuple):
    """A further snapshot of a run that is in the block already."""

    body: bytes
    thread_id: str
    fetched_at: datetime


class RefusedLine(NamedTuple):
    """A line that could not be taken in, and why."""

    name: str
    number: int
    reason: str


@dataclass
class BlockRows:
    """A block as rows. `loose` steps belong to runs that stand elsewhere."""

    threads: list[ThreadSnapshot] = field(default_factory=list)
    runs: dict[str, RunRows] = field(default_factory=dict)
    again: list[RunSnapshot] = field(default_factory=list)
    loose: list[OrphanStep] = field(default_factory=list)
    messages: list[MessageRows] = field(default_factory=list)
    refused_lines: list[RefusedLine] = field(default_factory=list)
    size: int = 0
