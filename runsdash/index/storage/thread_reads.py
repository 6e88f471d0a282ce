"""Reads what the page of a thread shows: messages, runs, and what their steps called.

What each look asks for is made once, see decision 26. Never writes, never asks an upstream. Every function runs a fixed
number of queries.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache

from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from runsdash.index import run_states
from runsdash.index.models import Assistant, Message, Run, RunStep, StepBody, Thread
from runsdash.prepared import Prepared
from runsdash.service.json_types import JsonObject

from .bodies import preview_in, short_body
from .keys import first_key_of
from .page_reads import message_named

MESSAGES_PER_PAGE = 50
RUNS_PER_PAGE = 25
RUNS_MOST, STEPS_MOST = 60, 120  # of one stretch; a run's own page has all its steps
BEFORE_TARGET, FROM_TARGET = 5, 100  # messages around the one that was asked for

# Messages


def messages_of(thread: int) -> QuerySet[Message]:
    return Message.objects.filter(thread_id=thread).annotate(digest=F("body__digest"))


def newest_first(rows: QuerySet[Message]) -> QuerySet[Message]:
    return rows.order_by("-position", "-id")


NEWEST = Prepared(lambda thread: newest_first(messages_of(thread))[: MESSAGES_PER_PAGE + 1], int)


def message_page(thread: Thread, *, before: str = "") -> tuple[list[Message], bool]:
    """Finds a page of a thread's messages, oldest first, ending before the message `before`, else with the newest."""
    cursor = message_named(thread, before)
    if cursor is None:
        found = NEWEST.rows(thread.pk)
    else:
        rows = messages_of(thread.pk).filter(earlier_than(cursor), position__lte=cursor.position)
        found = list(newest_first(rows)[: MESSAGES_PER_PAGE + 1])
    return found[:MESSAGES_PER_PAGE][::-1], len(found) > MESSAGES_PER_PAGE


def messages_from(thread: Thread, upstream_id: str) -> tuple[list[Message], bool, bool] | None:
    """Finds a message with some before it and those after it, oldest first. Tells whether there are more.

    None when it is not in the index.
    """
    target = message_named(thread, upstream_id)
    if target is None:
        return None
    rows = messages_of(thread.pk)
    before = list(newest_first(rows.filter(earlier_than(target), position__lte=target.position))[: BEFORE_TARGET + 1])
    later = Q(position__gt=target.position) | Q(position=target.position, id__gte=target.id)
    after = list(rows.filter(later, position__gte=target.position).order_by("position", "id")[: FROM_TARGET + 1])
    found = [*before[:BEFORE_TARGET][::-1], *after[:FROM_TARGET]]
    return found, len(before) > BEFORE_TARGET, len(after) > FROM_TARGET


def earlier_than(message: Message) -> Q:
    return Q(position__lt=message.position) | Q(position=message.position, id__lt=message.id)


def next_message_at(thread: Thread, last: Message) -> datetime | None:
    """Finds when the message after `last` was written."""
    later = Q(position__gt=last.position) | Q(position=last.position, id__gt=last.id)
    rows = Message.objects.filter(later, thread=thread, position__gte=last.position).order_by("position", "id")
    return rows.values_list("created_at", flat=True).first()


def message_digests(messages: Sequence[Message]) -> list[str]:
    """Returns the digests of messages that were read here."""
    return [getattr(message, "digest", None) or "" for message in messages]


# Runs


def with_names() -> QuerySet[Run]:
    """Finds runs with the names of their assistants; None of one that is not known."""
    assistants = Assistant.objects.filter(
        connection_id=OuterRef("connection_id"), upstream_id=OuterRef("assistant_id")
    ).order_by()
    name = Subquery(assistants.values("name")[:1])
    return Run.objects.annotate(assistant_name=name)  # type: ignore[no-redef]  # declared for whoever reads it


def runs_of(thread: int) -> QuerySet[Run]:
    return with_names().filter(thread_id=thread).order_by("-id")


NEWEST_RUNS = Prepared(lambda thread: runs_of(thread)[: RUNS_PER_PAGE + 1], int)


def runs_of_thread(thread: Thread, *, before: str = "") -> tuple[list[Run], bool]:
    """Finds a page of a thread's runs, newest first, and whether older ones follow. `before`: a run's upstream id."""
    known = Run.objects.filter(thread=thread, upstream_id=before)
    cursor = known.values_list("id", flat=True).first() if before else None
    if cursor is None:
        found = NEWEST_RUNS.rows(thread.pk)
    else:
        found = list(runs_of(thread.pk).filter(id__lt=cursor)[: RUNS_PER_PAGE + 1])
    return on_thread(found[:RUNS_PER_PAGE], thread), len(found) > RUNS_PER_PAGE


def runs_between(thread: Thread, start: datetime | None, end: datetime | None) -> list[Run]:
    """Finds runs created from one second to before another, the oldest first; the newest of them if there are many."""
    rows = runs_of(thread.pk)
    if start is not None:
        rows = rows.filter(pk__gte=first_key_of(start))
    if end is not None:
        rows = rows.filter(pk__lt=first_key_of(end))
    return on_thread(list(rows[:RUNS_MOST])[::-1], thread)


def runs_among(runs: Sequence[Run], start: datetime | None, end: datetime | None) -> list[Run]:
    """Picks the same out of all the thread's runs, newest first."""
    first = first_key_of(start) if start is not None else 0
    return [run for run in reversed(runs) if first <= run.pk and (end is None or run.pk < first_key_of(end))]


def runs_named(thread: Thread, run_ids: Iterable[str]) -> list[Run]:
    """Finds the runs of these ids on the thread's connection."""
    wanted = {one for one in run_ids if one}
    if not wanted:
        return []
    rows = with_names().filter(connection_id=thread.connection_id, upstream_id__in=wanted)
    return list(rows.select_related("thread", "connection"))


def lock_holder(thread: Thread) -> Run | None:
    """Finds the run that locks the thread: its newest one that has not ended."""
    found = on_thread(list(runs_of(thread.pk).exclude(status__in=run_states.ENDED)[:1]), thread)
    return found[0] if found else None


def lock_holder_among(runs: Sequence[Run]) -> Run | None:
    """Picks the run that locks the thread out of all its runs, newest first."""
    return next((run for run in runs if run.status not in run_states.ENDED), None)


def on_thread(runs: list[Run], thread: Thread) -> list[Run]:
    """Gives runs the thread and connection that are read already."""
    for run in runs:
        run.thread, run.connection = thread, thread.connection
    return runs


# Steps


@cache
def calling(count: int) -> Prepared[RunStep]:
    """Returns the statement for steps of so many runs that called tools, each with what `preview_of` takes."""
    return Prepared(
        lambda *runs: (
            RunStep.objects.filter(run_id__in=runs, call_count__gt=0)
            .annotate(preview=F("body__preview"), short=short_body("body__"), digest=F("body__digest"))
            .order_by("run_id", "position", "id")[:STEPS_MOST]
        ),
        *[int] * count,
    )


def calling_steps(runs: Sequence[Run]) -> dict[int, list[RunStep]]:
    """Finds the steps of runs that called tools, in order, by the run's key."""
    found: dict[int, list[RunStep]] = {}
    for step in calling(len(runs)).rows(*[run.pk for run in runs]) if runs else ():
        found.setdefault(step.run_id, []).append(step)
    return found


def preview_of(step: RunStep) -> JsonObject:
    """Returns the preview of a step that `calling_steps` found."""
    return preview_in(step, StepBody)
