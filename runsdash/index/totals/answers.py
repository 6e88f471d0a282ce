"""Says how functions are answered: how often, by whom and how soon; and for which ones expired runs waited.

Both look at the newest runs of a span, a bounded number. Who answered is known of answers that were sent from here (the
audit trail); a call that was answered without one was answered by other code.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, TextField
from django.db.models.functions import Cast

from runsdash.audit.models import AuditEntry, AuditKind
from runsdash.audit.trail import DONE
from runsdash.index import run_states
from runsdash.index.models import Run, RunStep, RunTool
from runsdash.service.statuses import StepStatus

from .hour_spans import Span

MOST_RUNS = 1000
OTHER_CODE = ""  # who answered when nobody here did
SUBMIT = "submit_tool_outputs"
NEVER = {StepStatus.EXPIRED.value, StepStatus.CANCELLED.value, StepStatus.FAILED.value}
RunName = tuple[str, str]  # the slug of its connection, and its id there
Sent = list[tuple[datetime, str]]  # when outputs were sent for a run, and by whom


@dataclass
class FunctionAnswers:
    """Holds the calls of one function. `waited`: seconds of each answered call from its step's start to its answer."""

    name: str
    answered: int = 0
    never: int = 0
    by: Counter[str] = field(default_factory=Counter)
    waited: list[int] = field(default_factory=list)

    def waited_s(self, share: float) -> int | None:
        """Returns the seconds that this share of the answered calls did not exceed."""
        ordered = sorted(self.waited)
        return ordered[max(0, -(-len(ordered) * int(share * 100) // 100) - 1)] if ordered else None


@dataclass(frozen=True)
class Answers:
    """Holds functions, the most called first. `is_cut`: only the newest MOST_RUNS runs were looked at."""

    functions: list[FunctionAnswers]
    is_cut: bool


def answers_of(span: Span, only: Mapping[str, int]) -> Answers:
    """Looks at calls of runs of the span. `only`: columns that runs must have, such as a connection."""
    runs = Run.objects.filter(**span.keys, **only, tool_call_count__gt=0).order_by("-pk")
    looked_at = runs.values_list("pk", "connection__slug", "upstream_id")[: MOST_RUNS + 1]
    newest = {pk: (slug, upstream_id) for pk, slug, upstream_id in looked_at}
    ids = list(newest)[:MOST_RUNS]
    sent = sent_of([newest[pk] for pk in ids])
    found: dict[str, FunctionAnswers] = {}
    steps = RunStep.objects.filter(run_id__in=ids, kind="function").order_by()
    for pk, status, created_at, ended_at, calls in steps.values_list(
        "run_id", "status", "created_at", "ended_at", "calls"
    ):
        for call in calls if isinstance(calls, list) else []:
            name = str(call.get("name") or "") if isinstance(call, dict) else ""
            if name and call.get("kind") == "function":
                one = found.setdefault(name, FunctionAnswers(name))
                count_call(one, status, created_at, ended_at, sent.get(newest[pk], []))
    ordered = sorted(found.values(), key=lambda one: (-one.answered - one.never, one.name))
    return Answers(ordered, is_cut=len(newest) > MOST_RUNS)


def count_call(one: FunctionAnswers, status: str, created_at: datetime, ended_at: datetime | None, sent: Sent) -> None:
    answer = next(((at, actor) for at, actor in sent if at >= created_at and (not ended_at or at <= ended_at)), None)
    if answer is None and status in NEVER:
        one.never += 1
        return
    if answer is None and status != StepStatus.COMPLETED.value:
        return  # it still waits
    one.answered += 1
    at, actor = answer or (ended_at, OTHER_CODE)
    one.by[actor] += 1
    if at is not None:
        one.waited.append(max(0, int((at - created_at).total_seconds())))


def sent_of(runs: list[RunName]) -> dict[RunName, Sent]:
    """Finds outputs that were sent from here, by run, the oldest first."""
    outcomes = AuditEntry.objects.filter(
        run_id__in=[upstream_id for _, upstream_id in runs], action=SUBMIT, kind=AuditKind.OUTCOME, result__in=DONE
    )
    named = outcomes.values_list("intent_id", "connection_slug", "run_id")
    intents = {intent: (slug, upstream_id) for intent, slug, upstream_id in named if intent is not None}
    found: dict[RunName, Sent] = {}
    for pk, at, actor in AuditEntry.objects.filter(pk__in=intents).order_by("pk").values_list("pk", "at", "actor"):
        found.setdefault(intents[pk], []).append((at, actor))
    return found


def expired_functions(span: Span, only: Mapping[str, int]) -> tuple[dict[str, int], bool]:
    """Counts, for each function that expired runs waited for, the expired runs of the span that used it.

    Returns the counts, and whether there were more runs than were looked at.
    """
    runs = Run.objects.filter(**span.keys, **only, status=run_states.EXPIRED, error_code="").order_by("-pk")
    # As text, which most of them have in common: a value of JSON would be read anew for each run.
    newest = list(runs.values_list(Cast("pending_calls", TextField()), flat=True)[: MOST_RUNS + 1])
    names = {
        str(call["name"])
        for calls in map(json.loads, dict.fromkeys(newest[:MOST_RUNS]))
        for call in (calls if isinstance(calls, list) else [])
        if isinstance(call, dict) and call.get("name")
    }
    tools = RunTool.objects.filter(run_id__in=runs.values("pk")[:MOST_RUNS], name__in=names)
    counts = dict(tools.order_by().values_list("name").annotate(n=Count("pk")))
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))), len(newest) > MOST_RUNS
