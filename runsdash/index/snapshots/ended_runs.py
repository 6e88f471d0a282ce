"""Marks the steps of an ended run as old: they were read while it ran, whoever saw the end first."""

from runsdash.index.models import Run, RunStep
from runsdash.service.statuses import step_status

NEWEST = 200  # steps among which those are that were not over


def read_steps_again(run: Run) -> None:
    """Lets the steps of `run` be read once more, from the first that was not over."""
    newest = list(RunStep.objects.filter(run=run).order_by("-position")[:NEWEST])
    still_open = [step for step in newest if not step_status(step.status).is_terminal]
    run.has_all_steps, run.steps_walked_at = False, None
    if still_open:
        before = RunStep.objects.filter(run=run, position__lt=still_open[-1].position).order_by("-position").first()
        run.steps_cursor = before.upstream_id if before else ""
    if not run.steps_cursor:
        run.steps_doubted_at = None  # the walk begins anew
    names = ("has_all_steps", "steps_walked_at", "steps_cursor", "steps_doubted_at")
    Run.objects.filter(pk=run.pk).update(**{name: getattr(run, name) for name in names})
