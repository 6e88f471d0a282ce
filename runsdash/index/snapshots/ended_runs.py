"""Finds the steps of a run that were open when they were last read. Only reading again tells what they became."""

from datetime import datetime, timedelta

from runsdash.index.models import Run, RunStep
from runsdash.service.statuses import StepStatus

# Steps asked for later than this after the end are complete: none of them changes any more.
SETTLING = timedelta(seconds=2)
ENDED_STEPS = [status.value for status in StepStatus if status.is_terminal]


def first_open_step(run: Run, *, read_before: datetime | None = None) -> RunStep | None:
    """Finds the first step that was open when it was last read, perhaps only if before a moment."""
    rows = RunStep.objects.filter(run=run).exclude(status__in=ENDED_STEPS)
    rows = rows.filter(fetched_at__lt=read_before) if read_before else rows
    return rows.order_by("position", "id").first()


def cursor_before(step: RunStep) -> str:
    """Returns the cursor of a walk that reads `step` next."""
    before = RunStep.objects.filter(run=step.run_id, position__lt=step.position).order_by("-position", "-id").first()
    return before.upstream_id if before else ""


def read_steps_again(run: Run) -> None:
    """Lets the steps of a run that has just ended be read once more, from the first that was open."""
    still_open = first_open_step(run)
    run.has_all_steps, run.steps_walked_at = False, None
    run.steps_cursor = cursor_before(still_open) if still_open else run.steps_cursor
    run.steps_doubted_at = run.steps_doubted_at if run.steps_cursor else None  # the walk begins anew
    names = ("has_all_steps", "steps_walked_at", "steps_cursor", "steps_doubted_at")
    Run.objects.filter(pk=run.pk).update(**{name: getattr(run, name) for name in names})
