"""Shows the runs that calls of a run started, each under its step and on the same axis. Reads the index only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from runsdash.dashboard.shell.links import address, mark_ambiguous, run_url, with_query
from runsdash.index.models import ChildRun, Run, RunStep

from .waterfall import Axis, StepLine, WaterfallBar, bar_between, lines

CHILDREN_SHOWN = 10  # of the steps on one page
STEPS_SHOWN = 20  # of one child


@dataclass(frozen=True, kw_only=True)
class ChildLine:
    """Shows a run that a step started. `run` is None while it is not in the index; then there is no bar."""

    id: str
    url: str
    run: Run | None = None
    bar: WaterfallBar | None = None
    steps: Sequence[StepLine] = ()
    more_steps: int = 0

    @property
    def step_url(self) -> str:
        """Returns the address of one of its steps, but for the step's id."""
        return f"{self.url}{'&' if '?' in self.url else '?'}step="


def child_lines(run: Run, steps: Iterable[RunStep], *, axis: Axis, now: datetime) -> dict[int, list[ChildLine]]:
    """Finds the runs that these steps started, by our key of the step. Three queries for any number."""
    keys = [step.pk for step in steps]
    rows = list(ChildRun.objects.filter(parent=run, step_key__in=keys).order_by("pk")[:CHILDREN_SHOWN])
    ids = [row.upstream_id for row in rows]
    runs = Run.objects.filter(connection=run.connection_id, upstream_id__in=ids).select_related("thread")
    there = {child.upstream_id: child for child in runs}
    for child in there.values():
        child.connection = child.thread.connection = run.connection
    mark_ambiguous(there.values())
    found: dict[int, list[ChildLine]] = {}
    for row in rows:
        known = there.get(row.upstream_id)
        line = known_line(known, axis=axis, now=now) if known else unknown_line(row, run)
        found.setdefault(row.step_key, []).append(line)
    return found


def unknown_line(row: ChildRun, run: Run) -> ChildLine:
    """Shows a run that nobody has read yet; opening it asks the server of `run`, where its thread is known."""
    url = address("run", row.thread_upstream_id, row.upstream_id)
    return ChildLine(id=row.upstream_id, url=with_query(url, connection=run.connection.slug))


def known_line(child: Run, *, axis: Axis, now: datetime) -> ChildLine:
    steps = list(child.steps.order_by("position", "id")[:STEPS_SHOWN])
    end = child.ended_at or (now if child.facts.is_active else child.created_at)
    return ChildLine(
        id=child.upstream_id,
        url=run_url(child),
        run=child,
        bar=bar_between(axis, child.created_at, max(end, child.created_at), runs=child.facts.is_active),
        steps=lines(child, steps, axis=axis, first_number=1, now=now),
        more_steps=max(0, child.step_count - len(steps)),
    )


def parent_of(run: Run) -> Run | None:
    """Finds the run whose call started this one; `run` comes with its marks."""
    if run.parent_run is None:
        return None
    parent = Run.objects.select_related("thread", "connection").filter(pk=run.parent_run).first()
    if parent is not None:
        mark_ambiguous([parent])
    return parent
