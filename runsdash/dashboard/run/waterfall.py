"""Places steps on a time axis, in percent. Reads rows, runs no query.

The API's clock has whole seconds and tool calls have no times of their own, so a call repeats its step's span.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from runsdash.dashboard.shell.formats import call_name, duration_text
from runsdash.index.missed_calls import asked_of_people
from runsdash.index.models import Run, RunStep
from runsdash.service.json_types import JsonObject

PARTS = 5  # the axis is always five equal parts
PART_UNITS = (1, 2, 4, 5, 10)  # times a power of ten
LEAST_WIDTH = 0.5  # percent, for what took no whole second
CALLS_LISTED = 5  # more calls of one step fold into it
ICON_KINDS = {"queue", "message", "function", "search", "code"}


@dataclass(frozen=True, kw_only=True)
class Axis:
    """Spans five parts of `part_s` seconds from the run's creation."""

    start: datetime
    part_s: int

    @property
    def length_s(self) -> int:
        return self.part_s * PARTS

    @property
    def marks(self) -> list[str]:
        return ["0", *(duration_text(self.part_s * part) for part in range(1, PARTS))]

    def percent(self, moment: datetime) -> float:
        return round(min(100.0, max(0.0, (moment - self.start).total_seconds() / self.length_s * 100)), 2)


@dataclass(frozen=True, kw_only=True)
class WaterfallBar:
    """Spans a part of the axis.

    `waits`: somebody outside had to answer, drawn dashed. `runs`: it ends at the present moment.
    """

    x: float
    width: float
    waits: bool = False
    runs: bool = False


@dataclass(frozen=True, kw_only=True)
class CallLine:
    """Shows a call under its step: `note` says what came of it, `is_named` that the label is a name of its own."""

    label: str
    kind: str
    note: str
    output_size: int | None
    is_named: bool


@dataclass(frozen=True, kw_only=True)
class StepLine:
    """Shows a step in the timeline."""

    step: RunStep
    number: int
    label: str
    icon: str
    bar: WaterfallBar
    took_s: int | None
    calls: list[CallLine] = field(default_factory=list)
    is_named: bool = False  # the label is a function's own name
    kind: str = ""


def part_seconds(span_s: float) -> int:
    """Returns the shortest part of which five hold `span_s`."""
    power = 1
    while True:
        for unit in PART_UNITS:
            if unit * power * PARTS >= span_s:
                return unit * power
        power *= 10


def axis_of(run: Run, steps: Sequence[RunStep], *, now: datetime) -> Axis:
    ends = [step.ended_at or step.created_at for step in steps]
    ends += [now if run.facts.is_active else run.ended_at or run.created_at, run.created_at]
    return Axis(start=run.created_at, part_s=part_seconds((max(ends) - run.created_at).total_seconds()))


def part_of(run: Run, *, now: datetime) -> int:
    """Returns how long a part of a working run's axis is, as far as the clock decides it."""
    return part_seconds((now - run.created_at).total_seconds())


def bar_between(axis: Axis, start: datetime, end: datetime, *, waits: bool = False, runs: bool = False) -> WaterfallBar:
    x = axis.percent(start)
    width = max(LEAST_WIDTH, axis.percent(end) - x)
    return WaterfallBar(x=min(x, 100 - LEAST_WIDTH), width=round(width, 2), waits=waits, runs=runs)


def queue_bar(run: Run, axis: Axis, *, now: datetime) -> WaterfallBar | None:
    """Spans the time before the start; None when the server says nothing about a start."""
    end = run.started_at or (now if run.facts.is_active and not run.step_count else None)
    return bar_between(axis, run.created_at, end, runs=run.started_at is None) if end else None


def lines(run: Run, steps: Sequence[RunStep], *, axis: Axis, first_number: int, now: datetime) -> list[StepLine]:
    return [
        line_of(run, step, axis=axis, number=number, now=now) for number, step in enumerate(steps, start=first_number)
    ]


def line_of(run: Run, step: RunStep, *, axis: Axis, number: int, now: datetime) -> StepLine:
    end, calls, pending = step_end(run, step, now=now), calls_of(step), pending_ids(run)
    waits, kind = asks_people(step) or waits_for(run, step), kind_of(step)
    return StepLine(
        step=step,
        number=number,
        label=step_label(step),
        icon=step_icon(step, kind),
        kind=kind,
        bar=bar_between(axis, step.created_at, end, waits=waits, runs=is_running(run, step)),
        took_s=took_s(step, now=now, is_live=run.facts.is_active),
        calls=[call_line(call, pending) for call in calls] if 1 < step.call_count <= CALLS_LISTED else [],
        is_named=step.call_count == 1 and any(is_named(call) for call in calls),
    )


def calls_of(step: RunStep) -> list[JsonObject]:
    return [call for call in step.calls if isinstance(call, dict)] if isinstance(step.calls, list) else []


def pending_ids(run: Run) -> set[str | None]:
    """Returns the ids of the calls that the run waits for now."""
    return {call.get("id") for call in run.pending_calls if isinstance(call, dict)} if run.waits_for else set()


def waits_for(run: Run, step: RunStep) -> bool:
    """Tells whether the run waits for a call of this step."""
    pending = pending_ids(run)
    return bool(pending) and not pending.isdisjoint(call.get("id") for call in calls_of(step))


def asks_people(step: RunStep) -> bool:
    """Tells whether the step called a tool whose output somebody outside gives."""
    return any(asked_of_people(call) for call in calls_of(step))


def kind_of(step: RunStep) -> str:
    """Names the kind that all calls of the step have; rows of old were given that of the first."""
    return step.kind if step.call_count < 2 or len({call.get("kind") for call in calls_of(step)}) < 2 else "other"


def is_running(run: Run, step: RunStep) -> bool:
    return step.ended_at is None and step.facts.is_active and run.facts.is_active


def step_end(run: Run, step: RunStep, *, now: datetime) -> datetime:
    if step.ended_at is not None:
        return step.ended_at
    if is_running(run, step):
        return max(now, step.created_at)
    return max(run.ended_at or step.created_at, step.created_at) if step.facts.is_active else step.created_at


def took_s(step: RunStep, *, now: datetime, is_live: bool) -> int | None:
    """Returns whole seconds; None when the server does not say when the step ended."""
    end = step.ended_at or (now if is_live and step.facts.is_active else None)
    return max(0, round((end - step.created_at) / timedelta(seconds=1))) if end else None


def step_label(step: RunStep) -> str:
    """Returns `Message`, a function's name, `3 function calls`, a tool's word, or the server's own for a step."""
    calls, kind = calls_of(step), kind_of(step)
    if step.call_count > 1:
        word = {"code": "code calls", "search": "searches"}.get(kind, "calls")
        is_functions = all(type_of(call) == "function" for call in calls)
        return f"{step.call_count:,} {'function calls' if is_functions else word}"
    if calls:
        return call_label(calls[0])
    return "Message" if kind == "message" else step.type.replace("_", " ") or "Other step"


def type_of(call: JsonObject) -> str:
    return str(call.get("type") or "function")


def is_named(call: JsonObject) -> bool:
    """Tells whether the call has a name of its own, not only that of its type."""
    return bool(call.get("name")) and call["name"] != type_of(call)


def call_label(call: JsonObject) -> str:
    return call_name({"type": type_of(call), "name": call.get("name")})


def step_icon(step: RunStep, kind: str) -> str:
    if step.facts.is_terminal and step.error_code:
        return "st-failed"
    return f"k-{kind}" if kind in ICON_KINDS else "dot"


def call_line(call: JsonObject, pending: set[str | None]) -> CallLine:
    size = call.get("output_size")
    return CallLine(
        label=call_label(call),
        kind=str(call.get("kind") or "other"),
        note="waiting" if size is None and call.get("id") in pending else str(call.get("note") or ""),
        output_size=size if isinstance(size, int) else None,
        is_named=is_named(call),
    )
