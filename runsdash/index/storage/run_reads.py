"""Reads what the page of one run shows in a few statements that are made once: steps, what was said, previews.

Each page of a run asks for these; what is asked for now and then stands in page_reads. Why: decision 26.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Exists, F, OuterRef, QuerySet, Subquery
from django.db.models.expressions import RawSQL

from runsdash.index import run_states
from runsdash.index.models import Assistant, Message, Run, RunBody, RunStep, RunText, StatusSeen, StepBody
from runsdash.prepared import Prepared
from runsdash.service.json_types import JsonObject

from . import page_reads
from .bodies import preview_in, short_body
from .keys import HASH_BITS, MESSAGE_ORDER_BITS, first_key_of
from .page_reads import OWN_MESSAGES, QUESTIONS, STEPS_PER_PAGE, StepPage

ALIKE_FOR = timedelta(days=7)
ALIKE_MOST = 500  # runs with the same error that are looked at


class SaidAround(NamedTuple):
    """Holds what was said around a run, oldest first: before its question, the question, and what the run wrote."""

    before: list[Message]
    question: list[Message]
    written: list[Message]


class RunBeside(NamedTuple):
    """Holds what a page shows of a run beside its row. `has_changed_hands`: it was seen waiting, or being cancelled."""

    parameters: JsonObject
    digest: str = ""
    size: int = 0
    assistant_name: str = ""
    is_cut: bool = False
    has_changed_hands: bool = False


def beside(key: int) -> QuerySet[Run]:
    changes = StatusSeen.objects.filter(run_id=OuterRef("pk"), status__in=[run_states.WAITING, run_states.CANCELLING])
    names = Assistant.objects.filter(
        connection_id=OuterRef("connection_id"), upstream_id=OuterRef("assistant_id")
    ).order_by()
    return (
        Run.objects.filter(pk=key)
        .only("pk")
        .annotate(
            preview=F("body__preview"),
            digest=F("body__digest"),
            size=F("body__size"),
            short=short_body("body__"),
            name=Subquery(names.values("name")[:1]),
            is_cut=Exists(RunText.objects.filter(run_id=OuterRef("pk"), is_cut=True)),
            has_changed_hands=Exists(changes),
        )
    )


BESIDE = Prepared(beside, int)
STEP_BODY: Prepared[StepBody] = Prepared(
    lambda key: StepBody.objects.filter(pk=key).defer("raw").annotate(short=short_body()), int
)
FIRST_STEPS: Prepared[RunStep] = Prepared(
    lambda key: (
        RunStep.objects.filter(run_id=key)
        .annotate(digest=F("body__digest"))
        .order_by("position", "id")[: STEPS_PER_PAGE + 1]
    ),
    int,
)


def run_beside(run: Run) -> RunBeside:
    row: Any = BESIDE.first(run.pk)
    if row is None:
        return RunBeside({})
    return RunBeside(
        parameters=preview_in(row, RunBody),
        digest=row.digest or "",
        size=row.size or 0,
        assistant_name=row.name or "",
        is_cut=bool(row.is_cut),
        has_changed_hands=bool(row.has_changed_hands),
    )


def step_preview(step: RunStep) -> JsonObject:
    body = STEP_BODY.first(step.pk)
    return preview_in(body, StepBody) if body else {}


def step_page(run: Run, *, after: str = "", around: str = "") -> StepPage:
    """Finds the steps that `page_reads.step_page` does, the first of them by one statement."""
    if not after:
        found = FIRST_STEPS.rows(run.pk)
        page = StepPage(steps=found[:STEPS_PER_PAGE], has_more=len(found) > STEPS_PER_PAGE)
        if not around or not page.has_more or any(step.upstream_id == around for step in page.steps):
            return page
    return page_reads.step_page(run, after=after, around=around)


# Messages


def said_rows(thread: int, run_id: str, same_thread: int, until: int) -> QuerySet[Message]:
    keys = RawSQL(
        "SELECT own.id FROM (SELECT id FROM index_message WHERE thread_id = %s AND run_upstream_id = %s"
        f" ORDER BY position, id LIMIT {OWN_MESSAGES}) own"
        " UNION SELECT earlier.id FROM (SELECT id FROM index_message WHERE thread_id = %s AND position < %s"
        f" ORDER BY position DESC, id DESC LIMIT {QUESTIONS}) earlier",
        (thread, run_id, same_thread, until),
    )
    return Message.objects.filter(pk__in=keys).annotate(digest=F("body__digest")).order_by("position", "id")


SAID = Prepared(said_rows, int, str, int, int)


def said_around(run: Run) -> SaidAround:
    """Finds what `page_reads.messages_of_run` does, and what came before, by one statement."""
    second = int(run.created_at.timestamp())
    rows = SAID.rows(run.thread_id, run.upstream_id, run.thread_id, second + 1 << MESSAGE_ORDER_BITS)
    written = [message for message in rows if message.run_upstream_id == run.upstream_id]
    earlier = [message for message in rows if message.run_upstream_id != run.upstream_id]
    question = page_reads.questions_among(earlier[::-1], run)
    first = question[0] if question else None
    before = [one for one in earlier if first is None or (one.position, one.pk) < (first.position, first.pk)]
    return SaidAround(before=before, question=question, written=written)


# Other runs


NEXT_OF_THREAD: Prepared[Run] = Prepared(
    lambda thread, key: Run.objects.select_related("thread").filter(thread_id=thread, pk__gt=key).order_by("pk")[:1],
    int,
    int,
)
ALIKE = (  # models of 500 runs took two thirds of the page of a failed one
    "SELECT id, assistant_id, status FROM index_run WHERE error_code = %s AND id >= %s AND NOT (error_code = '')"
    f" ORDER BY id DESC LIMIT {ALIKE_MOST}"
)


class AlikeRun(NamedTuple):
    """Holds what is told of a run that ended as another one did. `second`: when it was created, since 1970."""

    second: int
    assistant_id: str


def next_run(run: Run) -> Run | None:
    """Finds the run that followed on the same thread."""
    return NEXT_OF_THREAD.first(run.thread_id, run.pk)


def alike_runs(run: Run, *, now: datetime) -> list[AlikeRun]:
    """Finds runs of the last days that ended like this one with the same code, newest first, to ALIKE_MOST."""
    if not run.error_code or run.status not in run_states.NOT_COMPLETED:
        return []
    with connection.cursor() as cursor:
        cursor.execute(ALIKE, [run.error_code, first_key_of(now - ALIKE_FOR)])
        found = cursor.fetchall()
    return [AlikeRun(key >> HASH_BITS, assistant_id) for key, assistant_id, status in found if status == run.status]
