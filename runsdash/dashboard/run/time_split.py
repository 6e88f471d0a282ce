"""Splits the time of a run: queued, in steps of each kind, and between steps. Runs no query.

The API's clock has whole seconds. Time that no step covers is called that, since nobody knows what was done in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from runsdash.index.models import Run, RunStep

from . import waterfall

WORDS = {"function": "Function calls", "code": "Code interpreter", "search": "Search", "message": "Reply"}
QUEUED, BETWEEN = "queue", "between"


@dataclass(frozen=True, kw_only=True)
class TimePart:
    """Holds one part of the bar: `x` and `width` in percent. `grows`: a step of it is not over."""

    kind: str
    label: str
    seconds: int
    x: float = 0
    width: float = 0
    grows: bool = False


def time_parts(run: Run, steps: Sequence[RunStep], *, ended_at: datetime | None, now: datetime) -> list[TimePart]:
    """Returns the parts in the order in which they began; the time between steps is the last."""
    whole_s = whole_seconds(run, ended_at=ended_at, now=now)
    found = {QUEUED: TimePart(kind=QUEUED, label="Queued", seconds=run.queue_s)} if run.queue_s else {}
    for step in steps:
        kind = waterfall.kind_of(step)
        waits = waterfall.asks_people(step) or waterfall.waits_for(run, step)
        before = found.get(kind)
        took_s = seconds(step.created_at, waterfall.step_end(run, step, now=now))
        label = WORDS.get(kind, "Other steps")
        if waits and is_unanswered(run, step):
            label = f"{label}, waiting for an answer"
        found[kind] = TimePart(
            kind=kind,
            label=label if before is None or waits else before.label,
            seconds=took_s + (before.seconds if before else 0),
            grows=waterfall.is_running(run, step) or bool(before and before.grows),
        )
    rest_s = whole_s - sum(part.seconds for part in found.values())
    if rest_s > 0:
        found[BETWEEN] = TimePart(kind=BETWEEN, label="Between steps", seconds=rest_s)
    shown = [part for part in found.values() if part.seconds or part.grows]
    return placed(shown, whole_s=max(whole_s, whole_s - rest_s))


def placed(parts: Sequence[TimePart], *, whole_s: int) -> list[TimePart]:
    x, found = 0.0, []
    for part in parts:
        width = round(part.seconds / whole_s * 100, 2) if whole_s else 0.0
        found.append(
            TimePart(
                kind=part.kind, label=part.label, seconds=part.seconds, x=round(x, 2), width=width, grows=part.grows
            )
        )
        x += width
    return found


def whole_seconds(run: Run, *, ended_at: datetime | None, now: datetime) -> int:
    """Returns the seconds from creation to end, so far for a run at work."""
    return seconds(run.created_at, now if run.facts.is_active else ended_at or run.created_at)


def is_unanswered(run: Run, step: RunStep) -> bool:
    return any(call.get("output_size") is None for call in waterfall.calls_of(step)) and bool(run.pending_calls)


def seconds(start: datetime, end: datetime) -> int:
    return max(0, round((end - start).total_seconds()))
