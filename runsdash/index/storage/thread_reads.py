"""Reads what a conversation shows beside its messages: the runs of a stretch of it, and what their steps called.

Never writes, never asks an upstream. Every function runs a fixed number of queries.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from runsdash.index.models import Message, Run, RunStep, StepBody, Thread
from runsdash.service.json_types import JsonObject

from .bodies import shown
from .keys import first_key_of
from .page_reads import message_named

RUNS_MOST, STEPS_MOST = 60, 120  # of one stretch; a run's own page has all its steps
BEFORE_TARGET, FROM_TARGET = 5, 100  # messages around the one that was asked for


def runs_between(thread: Thread, start: datetime | None, end: datetime | None) -> list[Run]:
    """Finds runs created from one second to before another, the oldest first; the newest of them if there are many."""
    rows = Run.objects.filter(thread=thread).select_related("thread", "connection")
    if start is not None:
        rows = rows.filter(pk__gte=first_key_of(start))
    if end is not None:
        rows = rows.filter(pk__lt=first_key_of(end))
    return list(rows.order_by("-id")[:RUNS_MOST])[::-1]


def runs_among(runs: Sequence[Run], start: datetime | None, end: datetime | None) -> list[Run]:
    """Picks the same out of all the thread's runs, newest first."""
    first = first_key_of(start) if start is not None else 0
    return [run for run in reversed(runs) if first <= run.pk and (end is None or run.pk < first_key_of(end))]


def next_message_at(thread: Thread, last: Message) -> datetime | None:
    """Finds when the message after `last` was written."""
    later = Q(position__gt=last.position) | Q(position=last.position, id__gt=last.id)
    rows = Message.objects.filter(later, thread=thread, position__gte=last.position).order_by("position", "id")
    return rows.values_list("created_at", flat=True).first()


def calling_steps(runs: Sequence[Run]) -> dict[int, list[RunStep]]:
    """Finds the steps of runs that called tools, in order, by the run's key."""
    rows = RunStep.objects.filter(run__in=[run.pk for run in runs], call_count__gt=0)
    found: dict[int, list[RunStep]] = {}
    for step in rows.order_by("run", "position", "id")[:STEPS_MOST]:
        found.setdefault(step.run_id, []).append(step)
    return found


def step_previews(steps: Sequence[RunStep]) -> dict[int, JsonObject]:
    """Finds previews by the step's key."""
    rows = StepBody.objects.filter(step__in=[step.pk for step in steps])
    return {body.key: body.preview for body in shown(rows)} if steps else {}


def messages_from(thread: Thread, upstream_id: str) -> tuple[list[Message], bool, bool] | None:
    """Finds a message with some before it and those after it, oldest first. Tells whether there are more.

    None when it is not in the index.
    """
    target = message_named(thread, upstream_id)
    if target is None:
        return None
    rows = Message.objects.filter(thread=thread)
    earlier = Q(position__lt=target.position) | Q(position=target.position, id__lt=target.id)
    later = Q(position__gt=target.position) | Q(position=target.position, id__gte=target.id)
    before = list(rows.filter(earlier, position__lte=target.position).order_by("-position", "-id")[: BEFORE_TARGET + 1])
    after = list(rows.filter(later, position__gte=target.position).order_by("position", "id")[: FROM_TARGET + 1])
    found = [*before[:BEFORE_TARGET][::-1], *after[:FROM_TARGET]]
    return found, len(before) > BEFORE_TARGET, len(after) > FROM_TARGET
