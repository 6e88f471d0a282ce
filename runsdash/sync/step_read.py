"""Reads one step that the walk through its run has not come to yet. Keeps nothing: the walk brings it in its turn."""

from runsdash.index.models import Run
from runsdash.service.objects import RunStep

from .budget.process_budget import budget_for
from .clients import client_for
from .upstream_reads import FILE_SEARCH_CONTENT

STEP_COST = 1


def unwalked_step(run: Run, step_id: str) -> RunStep | None:
    """Asks the upstream for a step. None: nobody is asked, or the walk has seen all steps of the run."""
    connection = run.connection
    if run.has_all_steps or run.is_gone or connection.lacks_steps or not connection.is_asked:
        return None
    budget_for(connection).take_anyway(connection, STEP_COST)
    step: RunStep = client_for(connection).retrieve_run_step(
        thread_id=run.thread.upstream_id, run_id=run.upstream_id, step_id=step_id, include=FILE_SEARCH_CONTENT
    )
    return step
