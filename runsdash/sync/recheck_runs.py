"""Asks the upstream whether the copies of several runs are still true.

One round of parallel reads of the run object alone, within the budget for pages and under each run's lease. The caller
waits a moment for all of them together; what is late is stored in the background.
"""

from collections.abc import Iterable
from concurrent.futures import wait
from functools import partial

from django.utils import timezone

from runsdash.index import run_states
from runsdash.index.models import Run

from .clients import client_for
from .parallel_reads import Reads, store_later
from .refresh import MAX_AGE_S, PAGE_WAIT_S, copy_if_unwritable, lease_within_budget
from .store_answers import store_run

MOST_AT_ONCE = 20
READ_COST = 1


def recheck_runs(
    runs: Iterable[Run], *, wait_s: float = PAGE_WAIT_S, max_age_s: float = MAX_AGE_S, most: int = MOST_AT_ONCE
) -> int:
    """Reads the first `most` runs with too old a copy; returns how many. Runs come with thread and connection."""
    now, enabled = timezone.now(), (run for run in runs if run.connection.is_asked)
    stale = [run for run in enabled if run_states.is_stale(run, now, max_age_s=max_age_s)][:most]
    started = [(run, *found) for run in stale if (found := start_read(run)) is not None]
    in_time = wait([reads.futures["run"] for _, _, reads in started], timeout=wait_s).done
    for run, token, reads in started:
        store = partial(store_run, run.connection, reads, run=run, token=token)
        if reads.futures["run"] in in_time:
            with copy_if_unwritable():
                store()
        else:
            store_later(reads, store)
    return len(started)


def start_read(run: Run) -> tuple[str, Reads] | None:
    """Returns the lease and the read under way; None when somebody else reads it, or the budget is spent."""
    token = lease_within_budget(run, run.connection, cost=READ_COST)
    if token is None:
        return None
    ask, thread_id = client_for(run.connection).background, run.thread.upstream_id
    read = ask.retrieve_run(thread_id=thread_id, run_id=run.upstream_id, known=run.reply_digest)
    return token, Reads({"run": read})
