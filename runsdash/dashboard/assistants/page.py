"""Gathers what the page of an assistant shows: its settings, figures of the last days, newest runs."""

import json
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TypeVar

from django.db.models import Count, QuerySet, Sum
from django.utils import timezone

from runsdash.dashboard.find.found import RUN_COLUMNS, Group, hit_of_run
from runsdash.dashboard.runs.rows import complete_rows
from runsdash.dashboard.shell.links import is_ambiguous, list_url, mark_ambiguous
from runsdash.dashboard.shell.shell import Shell
from runsdash.index import run_states
from runsdash.index.models import Assistant, Connection, Run
from runsdash.index.search.run_filter import Clause, RunFilter
from runsdash.index.storage.keys import first_key_of
from runsdash.service.statuses import RunStatus

SHOWN_RUNS = 20
SPANS = {"last 24 hours": "24h", "last 7 days": "7d", "last 30 days": "30d"}
DAYS = {"24h": 1, "7d": 7, "30d": 30}
STATUSES = [status.value for status in RunStatus]
Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class SpanFigures:
    """Holds what became of the runs of a span. `cost` null: none has a known price."""

    label: str
    runs: int
    ended: int
    not_completed: int
    tokens: int | None
    cost: float | None
    url: str
    not_completed_url: str

    @property
    def share(self) -> float | None:
        """Returns the per cent of ended runs that did not complete; null when none has ended."""
        return 100 * self.not_completed / self.ended if self.ended else None


class AssistantPage:
    """Shows an assistant; reads what a template asks for."""

    def __init__(self, assistant: Assistant, shell: Shell) -> None:
        self.assistant, self.shell = assistant, shell
        mark_ambiguous([assistant], among=shell.connections)

    @property
    def is_listed(self) -> bool:
        return self.assistant.pk is not None

    @property
    def only(self) -> Connection | None:
        """Returns the connection when another one knows the same id."""
        return self.assistant.connection if is_ambiguous(self.assistant) else None

    @property
    def tools(self) -> list[tuple[str, str, str]]:
        """Returns (type, name, definition as JSON) of each tool."""
        found = []
        for tool in self.assistant.tools if isinstance(self.assistant.tools, list) else []:
            kind = str(tool.get("type", "")) if isinstance(tool, dict) else ""
            inner = tool.get(kind) if isinstance(tool, dict) else None
            name = str(inner.get("name", "")) if isinstance(inner, dict) else ""
            found.append((kind or "tool", name, json.dumps(tool, indent=2, ensure_ascii=False)))
        return found

    @property
    def runs(self) -> QuerySet[Run]:
        runs = Run.objects.filter(assistant_id=self.assistant.upstream_id)
        return runs.filter(connection=self.only) if self.only else runs

    @cached_property
    def newest(self) -> Group:
        """Returns its newest runs, with what was asked and what came of it."""
        rows = self.runs.select_related("thread").only(*RUN_COLUMNS).order_by("-pk")[:SHOWN_RUNS]
        hits = [hit_of_run(run, has_assistant=False) for run in complete_rows(list(rows), among=self.shell.connections)]
        return Group("runs", "Runs", hits, self.list_url())

    @cached_property
    def figures(self) -> list[SpanFigures]:
        return [self.figures_of(label, span) for label, span in SPANS.items()]

    def figures_of(self, label: str, span: str) -> SpanFigures:
        """Counts by status along one index, so each span costs as much as it has runs."""
        since = first_key_of(timezone.now() - timedelta(days=DAYS[span]))
        there = self.runs.filter(status__in=STATUSES, pk__gte=since).order_by()
        rows = there.values("status").annotate(runs=Count("pk"), tokens=Sum("total_tokens"), costs=Sum("cost"))
        by_status = {row["status"]: row for row in rows}
        counts = {status: row["runs"] for status, row in by_status.items()}
        created = Clause("created", f"-{span}", ">")
        bad = [Clause("status", status) for status in run_states.NOT_COMPLETED]
        return SpanFigures(
            label,
            sum(counts.values()),
            sum(counts.get(status, 0) for status in run_states.ENDED),
            sum(counts.get(status, 0) for status in run_states.NOT_COMPLETED),
            added([row["tokens"] for row in by_status.values()]),
            added([row["costs"] for row in by_status.values()]),
            self.list_url(created),
            self.list_url(created, *bad),
        )

    def list_url(self, *clauses: Clause) -> str:
        """Returns the run list of this assistant, narrowed by clauses."""
        return list_url("runs", str(RunFilter((Clause("assistant", self.assistant.upstream_id), *clauses))), self.only)


def added(numbers: list[Number | None]) -> Number | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None
