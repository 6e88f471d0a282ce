"""Asks the upstream about several runs at once: is what their copies say still true?

One round of parallel reads of the run object alone, within the budget for pages and under each run's lease. Who asks
waits a moment for all of them together; what is late lands in the background.
"""

from collections.abc import Iterable
from concurrent.futures import wait

from django.utils import timezone

from runsdash.index import run_states
from runsdash.index.models import Run

from .clients import client_for
from .parallel_reads import Reads, Task, store_later
from .refresh import MAX_AGE_S, PAGE_WAIT_S, lease_within_budget
from .store_answers import store_run

MOST_AT_ONCE = 20
READ_COST = 1


def recheck_runs(
    runs: Iterable[Run], *, wait_s: float = PAGE_WAIT_S, max_age_s: float = MAX_AGE_S, most: int = MOST_AT_ONCE
) -> int:
    """Reads the first `most` of `runs` whose copies are too old; how many were asked. Runs come with thread and connection."""
    now, enabled = timezone.now(), (run for run in runs if run.connection.is_enabled)
    stale = [run for run in enabled if run_states.is_stale(run, now, max_age_s=max_age_s)][:most]
    asked = [(run, *found) for run in stale if (found := started(run)) is not None]
    in_time = wait([reads.futures["run"] for _, _, reads in asked], timeout=wait_s).done if asked else set()
    for run, token, reads in asked:
        store = storing(run, token, reads)
        if reads.futures["run"] in in_time:
            store()
        else:
            store_later(reads, store)
    return len(asked)


def started(run: Run) -> tuple[str, Reads] | None:
    """The lease and the read under way; None when somebody else reads it, or the budget for pages is spent."""
    token = lease_within_budget(run, run.connection, cost=READ_COST)
    if token is None:
        return None
    ids = {"thread_id": run.thread.upstream_id, "run_id": run.upstream_id}
    return token, Reads({"run": client_for(run.connection).background.retrieve_run(**ids)})


def storing(run: Run, token: str, reads: Reads) -> Task:
    return lambda: store_run(run.connection, reads, run=run, token=token)
