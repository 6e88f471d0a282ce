"""Reads what pages show of one run: steps and messages by keyset, previews, names.

Never touches a raw body, never writes, never asks an upstream. Every function runs a fixed number of queries.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Q, QuerySet

from runsdash.index.models import (
    Assistant,
    Message,
    Run,
    RunBody,
    RunStep,
    StatusSeen,
    StepBody,
    Thread,
)
from runsdash.service.json_types import JsonObject

from .bodies import shown
from .keys import MESSAGE_ORDER_BITS

STEPS_PER_PAGE = 200
OWN_MESSAGES = 200  # of one run; the thread page has them all
QUESTIONS = 20  # user messages looked at just before a run


@dataclass(frozen=True, kw_only=True)
class StepPage:
    """Holds steps in order. `first_number` counts from 1 over the whole run; `after` is the cursor of this page."""

    steps: list[RunStep]
    first_number: int = 1
    after: str = ""
    has_more: bool = False

    @property
    def next_after(self) -> str:
        return self.steps[-1].upstream_id if self.steps and self.has_more else ""


@dataclass(frozen=True, kw_only=True)
class StepInRun:
    """Holds one step with its preview, its place in the run, and its neighbours' ids ("" at the ends)."""

    step: RunStep
    preview: JsonObject
    number: int
    previous: str = ""
    next: str = ""


@dataclass(frozen=True, kw_only=True)
class RunPreview:
    """Holds a run's parameters (see storage/previews.py), and the digest and size of the body they come from."""

    parameters: JsonObject = field(default_factory=dict)
    digest: str = ""
    size: int = 0


# Runs


def preview_of_run(run: Run) -> RunPreview:
    body = next(shown(RunBody.objects.filter(run=run)), None)
    return RunPreview(parameters=body.preview, digest=body.digest, size=body.size) if body else RunPreview()


def statuses_seen(run: Run) -> list[StatusSeen]:
    return list(StatusSeen.objects.filter(run=run).order_by("seen_at", "id")[:200])


def assistant_names(connection_id: int, assistant_ids: Iterable[str]) -> dict[str, str]:
    """Finds names by assistant id, of those that are known."""
    wanted = {one for one in assistant_ids if one}
    if not wanted:
        return {}
    rows = Assistant.objects.filter(connection_id=connection_id, upstream_id__in=wanted).exclude(name="")
    return dict(rows.values_list("upstream_id", "name"))


# Steps


def steps_before(run: Run, step: RunStep) -> QuerySet[RunStep]:
    earlier = Q(position__lt=step.position) | Q(position=step.position, id__lt=step.id)
    return RunStep.objects.filter(run=run, position__lte=step.position).filter(earlier)


def steps_after(run: Run, step: RunStep) -> QuerySet[RunStep]:
    later = Q(position__gt=step.position) | Q(position=step.position, id__gt=step.id)
    return RunStep.objects.filter(run=run, position__gte=step.position).filter(later)


def step_named(run: Run, upstream_id: str) -> RunStep | None:
    return RunStep.objects.filter(run=run, upstream_id=upstream_id).first() if upstream_id else None


def step_page(run: Run, *, after: str = "", around: str = "") -> StepPage:
    """Finds the steps behind the step `after`; without it the page that holds the step `around`, else the first."""
    cursor = step_named(run, after) or cursor_before(run, step_named(run, around))
    rows = steps_after(run, cursor) if cursor else RunStep.objects.filter(run=run)
    found = list(rows.order_by("position", "id")[: STEPS_PER_PAGE + 1])
    return StepPage(
        steps=found[:STEPS_PER_PAGE],
        first_number=steps_before(run, cursor).count() + 2 if cursor else 1,
        after=cursor.upstream_id if cursor else "",
        has_more=len(found) > STEPS_PER_PAGE,
    )


def cursor_before(run: Run, step: RunStep | None) -> RunStep | None:
    """Finds the last step of the page before the one that holds `step`; None when that is the first page."""
    if step is None:
        return None
    number = steps_before(run, step).count()
    if number < STEPS_PER_PAGE:
        return None
    back = number % STEPS_PER_PAGE
    return steps_before(run, step).order_by("-position", "-id")[back : back + 1].first()


def step_in_run(run: Run, upstream_id: str) -> StepInRun | None:
    step = step_named(run, upstream_id)
    if step is None:
        return None
    before, after = steps_before(run, step), steps_after(run, step)
    body = next(shown(StepBody.objects.filter(step=step)), None)
    return StepInRun(
        step=step,
        preview=body.preview if body else {},
        number=before.count() + 1,
        previous=before.order_by("-position", "-id").values_list("upstream_id", flat=True).first() or "",
        next=after.order_by("position", "id").values_list("upstream_id", flat=True).first() or "",
    )


# Messages


def messages_of_run(run: Run) -> list[Message]:
    """Finds what the run wrote, and before it the user messages it answers, oldest first."""
    own = Message.objects.filter(thread_id=run.thread_id, run_upstream_id=run.upstream_id)
    written = list(own.order_by("position", "id")[:OWN_MESSAGES])
    return [*questions_of(run), *written]


def questions_of(run: Run) -> list[Message]:
    """Finds the unbroken row of user messages just before the run was created, oldest first."""
    return questions_among(messages_before(run), run)


def messages_before(run: Run) -> list[Message]:
    """Finds the messages just before the run was created, and of its very second, newest first."""
    second = int(run.created_at.timestamp())
    rows = Message.objects.filter(thread_id=run.thread_id, position__lt=second + 1 << MESSAGE_ORDER_BITS)
    return list(rows.order_by("-position", "-id")[:QUESTIONS])


def questions_among(before: Iterable[Message], run: Run) -> list[Message]:
    """Picks the unbroken row of user messages out of what `messages_before` found.

    The clock has whole seconds: an answer of the very second may have come before the question, so it breaks no row.
    """
    second = int(run.created_at.timestamp())
    found: list[Message] = []
    for message in before:
        is_question = message.role == "user" and not message.run_upstream_id
        if is_question:
            found.append(message)
        elif message.position >> MESSAGE_ORDER_BITS < second:
            break
    return found[::-1]


def message_named(thread: Thread, upstream_id: str) -> Message | None:
    return Message.objects.filter(thread=thread, upstream_id=upstream_id).first() if upstream_id else None
