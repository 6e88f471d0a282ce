"""Compares two runs: parameters, measures, steps aligned by kind and tool name, answers. Reads the index only."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import TypeVar

from django.utils import timezone

from runsdash.actions.models import Lineage
from runsdash.dashboard.run import waterfall
from runsdash.dashboard.shell.formats import UNKNOWN, cost_text, count_text, duration_text
from runsdash.index.models import Run, RunStep, StepBody
from runsdash.index.storage import page_reads
from runsdash.index.storage.bodies import shown
from runsdash.index.storage.previews import RUN_PARAMETERS
from runsdash.service.json_types import Json, JsonObject
from runsdash.service.objects.parsing import listing

from .text_diff import JsonChange, Piece, flat, json_changes, text_pieces

Number = TypeVar("Number", int, float)
MAX_STEPS = 200
MAX_CALL_DIFFS = 30


@dataclass(frozen=True, kw_only=True)
class Measure:
    """Holds a number of both runs. `delta` is in words; `tone` is good when B needs less."""

    label: str
    a: str
    b: str
    delta: str
    tone: str


@dataclass(frozen=True, kw_only=True)
class StepPair:
    """Holds a step of A beside the step of B that matches it; one of them may be missing."""

    a: waterfall.StepLine | None
    b: waterfall.StepLine | None
    calls: Sequence["CallPair"] = ()

    @property
    def line(self) -> waterfall.StepLine | None:
        return self.a or self.b

    @property
    def delta(self) -> tuple[str, str]:
        """Returns (words, tone) of the time that B takes against A."""
        if self.a is None or self.b is None or self.a.took_s is None or self.b.took_s is None:
            return "", ""
        return difference(self.a.took_s, self.b.took_s, write=duration_text, is_relative=False)


@dataclass(frozen=True, kw_only=True)
class CallPair:
    """Holds one tool call of both sides, with the paths of its arguments and output."""

    name: str
    arguments: Sequence[JsonChange]
    output: Sequence[JsonChange]

    @property
    def differs(self) -> bool:
        return any(change.differs for change in [*self.arguments, *self.output])


def difference(
    a: Number | None, b: Number | None, *, write: Callable[[Number], str], is_relative: bool = True
) -> tuple[str, str]:
    """Describes B against A in words and a tone: less is good, 10 % more is bad."""
    if a is None or b is None:
        return UNKNOWN, ""
    if a == b:
        return "same", ""
    share = (b - a) / a if a else None
    sign = "−" if b < a else "+"
    words = f"{sign}{abs(share):.0%}" if is_relative and share is not None else f"{sign}{write(abs(b - a))}"
    tone = "good" if b < a else "bad" if share is None or share > 0.1 else ""
    return words.replace("%", " %"), tone


class Comparison:
    """Compares run A with run B."""

    def __init__(self, a: Run, b: Run) -> None:
        self.a, self.b, self.now = a, b, timezone.now()

    @cached_property
    def lineage(self) -> str:
        """Says which run was made from the other; "" when neither was."""
        if Lineage.objects.filter(run=self.b, source=self.a).exists():
            return "B is a re-run of A"
        return "A is a re-run of B" if Lineage.objects.filter(run=self.a, source=self.b).exists() else ""

    # Measures and parameters

    @property
    def measures(self) -> list[Measure]:
        return [
            self.measure("Ran", lambda run: run.duration_s, duration_text),
            self.measure("Queued", lambda run: run.queue_s, duration_text),
            self.measure("Waiting for outputs", self.waited_s, duration_text),
            self.measure("Prompt tokens", lambda run: run.prompt_tokens, count_text),
            self.measure("Completion tokens", lambda run: run.completion_tokens, count_text),
            self.measure("Tokens", lambda run: run.total_tokens, count_text),
            self.measure("Cost", lambda run: run.cost, cost_text),
            self.measure("Steps", lambda run: run.step_count if run.has_all_steps else None, count_text),
        ]

    def measure(
        self, label: str, read: Callable[[Run], Number | None], write: Callable[[Number | None], str]
    ) -> Measure:
        a, b = read(self.a), read(self.b)
        delta, tone = difference(a, b, write=write)
        return Measure(label=label, a=write(a), b=write(b), delta=delta, tone=tone)

    def waited_s(self, run: Run) -> int | None:
        """Adds up the seconds of steps that somebody outside had to answer."""
        steps = [step for step in self.steps_of(run) if waterfall.asks_people(step)]
        spans = [step.ended_at - step.created_at for step in steps if step.ended_at]
        return sum(int(span.total_seconds()) for span in spans) if spans else None

    @cached_property
    def parameters(self) -> list[JsonChange]:
        tools = [self.tools_of(run) for run in (self.a, self.b)]
        shared = tools[0].keys() & tools[1].keys()
        a, b = (
            self.flat_parameters(run) | flat_tools(own, shared)
            for run, own in zip((self.a, self.b), tools, strict=True)
        )
        changes = [JsonChange(name, a.get(name), b.get(name)) for name in dict.fromkeys([*a, *b])]
        return sorted(changes, key=lambda change: not change.differs)

    @property
    def differing(self) -> int:
        return sum(change.differs for change in self.parameters)

    def flat_parameters(self, run: Run) -> dict[str, str]:
        known = self.previews[run.pk].parameters
        leaves = {"assistant_id": run.assistant_id, "model": run.model}
        for name in RUN_PARAMETERS:
            value = known.get(name)
            leaves |= {} if value is None else flat(value, name)
        return leaves | {f"metadata.{key}": str(value) for key, value in sorted(run.metadata.items())}

    def tools_of(self, run: Run) -> dict[str, JsonObject]:
        """Returns a run's tools by name, so that those of two runs are compared whatever their order."""
        given = self.previews[run.pk].parameters.get("tools")
        if isinstance(given, dict):  # longer than a preview holds
            return {"all": given}
        tools = [tool for tool in given if isinstance(tool, dict)] if isinstance(given, list) else []
        return {tool_name(tool): tool for tool in tools}

    @cached_property
    def previews(self) -> dict[int, page_reads.RunPreview]:
        return {run.pk: page_reads.preview_of_run(run) for run in (self.a, self.b)}

    @property
    def instructions(self) -> list[Piece]:
        return text_pieces(*(self.instructions_of(run) for run in (self.a, self.b)))

    def instructions_of(self, run: Run) -> str:
        text = self.previews[run.pk].parameters.get("instructions")
        return str(text.get("text") or "") if isinstance(text, dict) else ""

    # Steps

    @cached_property
    def steps(self) -> dict[int, list[RunStep]]:
        return {run.pk: list(run.steps.order_by("position", "id")[:MAX_STEPS]) for run in (self.a, self.b)}

    def steps_of(self, run: Run) -> list[RunStep]:
        return self.steps[run.pk]

    @cached_property
    def axis(self) -> dict[int, waterfall.Axis]:
        """Puts both runs on axes of the same length, each from its own start."""
        own = [waterfall.axis_of(run, self.steps_of(run), now=self.now) for run in (self.a, self.b)]
        part_s = max(axis.part_s for axis in own)
        return {run.pk: waterfall.Axis(start=run.created_at, part_s=part_s) for run in (self.a, self.b)}

    @property
    def marks(self) -> list[str]:
        return self.axis[self.a.pk].marks

    def lines_of(self, run: Run) -> list[waterfall.StepLine]:
        return waterfall.lines(run, self.steps_of(run), axis=self.axis[run.pk], first_number=1, now=self.now)

    @cached_property
    def pairs(self) -> list[StepPair]:
        left, right = self.lines_of(self.a), self.lines_of(self.b)
        pairs: list[StepPair] = []
        keys = [[step_key(line.step) for line in side] for side in (left, right)]
        for action, i1, i2, j1, j2 in SequenceMatcher(a=keys[0], b=keys[1], autojunk=False).get_opcodes():
            if action == "equal":
                matched = zip(left[i1:i2], right[j1:j2], strict=True)
                pairs += [StepPair(a=a, b=b, calls=self.calls_of(a.step, b.step)) for a, b in matched]
                continue
            pairs += [StepPair(a=line, b=None) for line in left[i1:i2]]
            pairs += [StepPair(a=None, b=line) for line in right[j1:j2]]
        return pairs

    @cached_property
    def bodies(self) -> dict[int, JsonObject]:
        """Reads previews of the steps whose calls are compared, in one query."""
        steps = [step.pk for run in (self.a, self.b) for step in self.steps_of(run) if step.call_count]
        bodies = shown(StepBody.objects.filter(step_id__in=steps[: 2 * MAX_CALL_DIFFS]))
        return {body.key: body.preview for body in bodies}

    def calls_of(self, a: RunStep, b: RunStep) -> list[CallPair]:
        left, right = (listing(self.bodies.get(step.pk, {}).get("calls")) for step in (a, b))
        return [call_pair(one, other) for one, other in zip(left, right, strict=False)][:MAX_CALL_DIFFS]

    # Answers

    @property
    def answer(self) -> list[Piece]:
        return text_pieces(self.answer_of(self.a), self.answer_of(self.b))

    def answer_of(self, run: Run) -> str:
        """Returns the text of the last message that the run wrote."""
        written = [one for one in page_reads.messages_of_run(run) if one.run_upstream_id == run.upstream_id]
        parts = written[-1].parts if written else []
        texts = [part["text"]["text"] for part in parts if part.get("type") == "text"]
        return "\n\n".join(texts)


def tool_name(tool: JsonObject) -> str:
    """Returns a function's own name, else the kind of tool."""
    function = tool.get("function")
    name = function.get("name") if isinstance(function, dict) else ""
    return str(name or tool.get("type") or "tool")


def flat_tools(tools: dict[str, JsonObject], shared: Collection[str]) -> dict[str, str]:
    """Flattens tools that both runs have leaf by leaf; one that the other lacks is one line."""
    leaves: dict[str, str] = {}
    for name, tool in tools.items():
        path = f"tools.{name}"
        leaves |= flat(tool, path) if name in shared else {path: str(tool.get("type") or "tool")}
    return leaves


def step_key(step: RunStep) -> tuple[str, ...]:
    """Returns what makes two steps the same: kind, and the names of the tools called."""
    return (waterfall.kind_of(step), *sorted(str(call.get("name") or "") for call in waterfall.calls_of(step)))


def call_pair(a: JsonObject, b: JsonObject) -> CallPair:
    return CallPair(
        name=str(a.get("name") or ""),
        arguments=changes_between(text_of(a.get("arguments")), text_of(b.get("arguments"))),
        output=changes_between(text_of(a.get("output")), text_of(b.get("output"))),
    )


def text_of(preview: Json) -> str:
    return str(preview.get("text") or "") if isinstance(preview, dict) else ""


def changes_between(a: str, b: str) -> list[JsonChange]:
    """Compares two texts by path when both are JSON, else whole."""
    changes = json_changes(a, b) if a and b else None
    if changes is not None:
        return changes
    return [JsonChange("(text)", a or None, b or None)] if a or b else []
