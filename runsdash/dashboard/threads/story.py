"""Tells a conversation in order: what people said, and each run with what it called, wrote, or why it ended.

Puts rows together; asks for none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from runsdash.dashboard.run import waterfall
from runsdash.dashboard.run.outcome import RunOutcome, outcome_of
from runsdash.index.missed_calls import asked_of_people
from runsdash.index.models import Message, Run, RunStep
from runsdash.index.storage.thread_reads import preview_of
from runsdash.service.json_types import JsonObject
from runsdash.service.objects.parsing import listing

GIST_CHARS = 120
CALLS_SHOWN = 40  # of one run; its own page has them all


@dataclass(frozen=True, kw_only=True)
class CallDone:
    """Shows one tool call of a run. `preview`: see storage/previews.py; empty where only its row is known."""

    line: waterfall.StepLine
    kind: str
    label: str
    is_named: bool
    preview: JsonObject
    was_answered: bool
    asks_people: bool

    @property
    def gist(self) -> str:
        """Returns the arguments or the code in one short line."""
        for name in ("arguments", "code"):
            found = self.preview.get(name)
            if isinstance(found, dict) and isinstance(text := found.get("text"), str):
                words = " ".join(text.split())
                return words if len(words) <= GIST_CHARS else f"{words[: GIST_CHARS - 1]}…"
        return ""

    @property
    def is_open(self) -> bool:
        return self.line.bar.runs

    @property
    def was_never_answered(self) -> bool:
        return self.asks_people and not self.was_answered and not self.is_open


@dataclass(kw_only=True)
class Turn:
    """Holds one part of the story: a message of somebody, or a run with what it called and wrote.

    `steps`: those that called something, as of `now`; `writing`: what a run that goes on has written so far.
    """

    run: Run | None = None
    messages: list[Message] = field(default_factory=list)
    steps: Sequence[RunStep] = ()
    now: datetime | None = None
    writing: str = ""

    @cached_property
    def calls(self) -> list[CallDone]:
        """Returns the first calls of the run, to CALLS_SHOWN."""
        if self.run is None or self.now is None or not self.steps:
            return []
        return calls_done(self.run, self.steps, now=self.now)[:CALLS_SHOWN]

    @property
    def more_calls(self) -> int:
        return max(0, sum(len(waterfall.calls_of(step)) for step in self.steps) - CALLS_SHOWN)

    @property
    def is_user(self) -> bool:
        return self.run is None and self.messages[0].role == "user"

    @cached_property
    def outcome(self) -> RunOutcome | None:
        """Explains the end of a run that did not complete."""
        return outcome_of(self.run) if self.run else None


def turns_of(messages: Sequence[Message], runs: Sequence[Run]) -> list[Turn]:
    """Puts runs between messages: before the first that it wrote, else by the time of its creation.

    Times are whole seconds, so a run that wrote nothing may stand behind a question of the very second.
    """
    by_id = {run.upstream_id: run for run in runs}
    written = {message.run_upstream_id for message in messages}
    silent = [run for run in runs if run.upstream_id not in written]
    turns: list[Turn] = []
    of_run: dict[int, Turn] = {}
    for message in messages:
        run = by_id.get(message.run_upstream_id)
        while silent and (silent[0].created_at < message.created_at or (run is not None and silent[0].pk < run.pk)):
            turns.append(Turn(run=silent.pop(0)))
        if run is None:
            turns.append(Turn(messages=[message]))
        elif run.pk in of_run:
            of_run[run.pk].messages.append(message)
        else:
            of_run[run.pk] = Turn(run=run, messages=[message])
            turns.append(of_run[run.pk])
    return turns + [Turn(run=run) for run in silent]


def calls_done(run: Run, steps: Sequence[RunStep], *, now: datetime) -> list[CallDone]:
    """Returns what a run called; at least CALLS_SHOWN of them, if there are as many."""
    axis = waterfall.axis_of(run, steps, now=now)
    found: list[CallDone] = []
    for number, step in enumerate(steps, start=1):
        if len(found) >= CALLS_SHOWN:
            break
        line = waterfall.line_of(run, step, axis=axis, number=number, now=now)
        known = [call for call in listing(preview_of(step).get("calls")) if isinstance(call, dict)]
        by_id = {call.get("id"): call for call in known}
        found += [
            CallDone(
                line=line,
                kind=str(call.get("kind") or "other"),
                label=waterfall.call_label(call),
                is_named=waterfall.is_named(call),
                preview=by_id.get(call.get("id")) or {},
                was_answered=call.get("output_size") is not None,
                asks_people=asked_of_people(call),
            )
            for call in waterfall.calls_of(step)
        ]
    return found
