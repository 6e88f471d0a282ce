"""Reads what a row of the thread list shows: the thread, its last run and that run's assistant."""

from collections.abc import Sequence

from runsdash.dashboard.runs.outcomes import INCOMPLETE, functions_text
from runsdash.dashboard.shell.formats import plain_words
from runsdash.dashboard.shell.links import mark_ambiguous, mark_assistants
from runsdash.index import run_states
from runsdash.index.models import Connection, Label, Thread
from runsdash.index.search.listed_runs import ListedRun, ListedRuns

COLUMNS = (
    "connection", "upstream_id", "metadata", "is_gone", "added_at", "added_by", "last_run_at", "last_run_id",
    "run_count", "total_tokens", "cost", "first_question", "last_reply",
)  # fmt: skip
ROWS = Thread.objects.only(*COLUMNS)
LAST_RUNS = ListedRuns(error_message="r.error_message")  # whole, for its title


def complete_threads(threads: Sequence[Thread], *, among: Sequence[Connection]) -> None:
    """Sets `last_run`, `labels`, `outcome`, `customer`, `connection` and the like on each thread.

    Two queries for any number of threads; two more when there are several connections.
    """
    by_key = {one.pk: one for one in among}
    runs = LAST_RUNS.in_bulk([thread.last_run_id for thread in threads if thread.last_run_id])
    mark_assistants(runs.values(), among=among)
    labels: dict[int, list[str]] = {}
    given = Label.objects.filter(thread_id__in=[thread.pk for thread in threads], run=None).order_by("name")
    for key, name in given.values_list("thread_id", "name") if threads else ():
        labels.setdefault(key, []).append(name)
    for thread in threads:
        thread.label_names = labels.get(thread.pk, [])
        if thread.connection_id in by_key:  # one that was added just now is looked up when it is asked for
            thread.connection = by_key[thread.connection_id]
        thread.last_run = runs.get(thread.last_run_id)
        if thread.last_run is not None:
            thread.last_run.connection = thread.connection
        thread.outcome = outcome_of(thread, thread.last_run)
        thread.tone = tone_of(thread.last_run)
        key = thread.connection.customer_key
        thread.customer = str(thread.metadata.get(key, "")) if key else ""
    mark_ambiguous(threads, among=among)


def tone_of(run: ListedRun | None) -> str:
    """Returns the status whose colour the outcome has: why there is no reply stands out, a reply does not."""
    is_plain = run is None or run.status == run_states.COMPLETED or (run.facts.is_active and not run.facts.is_waiting)
    return "" if is_plain else run.status


def outcome_of(thread: Thread, run: ListedRun | None) -> str:
    """Writes what came last: the reply, or why there is none."""
    if run is None:
        return "No run yet"
    if run.facts.is_waiting:
        return f"Waits for {functions_text(run.pending_calls)}"
    if run.facts.is_active:
        return "No reply yet" if not thread.last_reply else plain_words(thread.last_reply)
    if run.status == run_states.COMPLETED:
        return plain_words(run.reply or thread.last_reply or "")
    if run.status == run_states.EXPIRED and run.pending_calls:
        return f"{functions_text(run.pending_calls)} {'was' if len(run.pending_calls) == 1 else 'were'} never answered"
    return run.error_message or INCOMPLETE.get(run.error_code, run.error_code) or run.facts.label
