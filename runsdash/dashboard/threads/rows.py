"""Reads what a row of the thread list shows: the thread, its last run and that run's assistant."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

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


@dataclass(frozen=True)
class ThreadRow:
    """Holds a thread of a list, its last run and its labels, and says what came of it."""

    thread: Thread
    last_run: ListedRun | None
    labels: Sequence[str]

    @property
    def tone(self) -> str:
        """Returns the status whose colour the outcome has: why there is no reply stands out, a reply does not."""
        run = self.last_run
        if run is None or run.status == run_states.COMPLETED or (run.facts.is_active and not run.facts.is_waiting):
            return ""
        return run.status

    @property
    def customer(self) -> str:
        key = self.thread.connection.customer_key
        return str(self.thread.metadata.get(key, "")) if key else ""

    @cached_property
    def outcome(self) -> str:
        """Writes what came last: the reply, or why there is none."""
        run, last_reply = self.last_run, self.thread.last_reply or ""
        if run is None:
            return "No run yet"
        if run.facts.is_waiting:
            return f"Waits for {functions_text(run.pending_calls)}"
        if run.facts.is_active:
            return "No reply yet" if not last_reply else plain_words(last_reply)
        if run.status == run_states.COMPLETED:
            return plain_words(run.reply or last_reply)
        calls = run.pending_calls
        if run.status == run_states.EXPIRED and calls:
            return f"{functions_text(calls)} {'was' if len(calls) == 1 else 'were'} never answered"
        return run.error_message or INCOMPLETE.get(run.error_code, run.error_code) or run.facts.label


def rows_of(threads: Sequence[Thread], *, among: Sequence[Connection]) -> list[ThreadRow]:
    """Reads what rows of these threads show, and sets `connection` and `is_ambiguous` on each thread.

    Two queries for any number of threads; two more when there are several connections.
    """
    by_key = {one.pk: one for one in among}
    runs = LAST_RUNS.in_bulk([thread.last_run_id for thread in threads if thread.last_run_id])
    mark_assistants(runs.values(), among=among)
    labels: dict[int, list[str]] = {}
    given = Label.objects.filter(thread_id__in=[thread.pk for thread in threads], run=None).order_by("name")
    for key, name in given.values_list("thread_id", "name") if threads else ():
        labels.setdefault(key, []).append(name)
    rows: list[ThreadRow] = []
    for thread in threads:
        if thread.connection_id in by_key:  # one that was added just now is looked up when it is asked for
            thread.connection = by_key[thread.connection_id]
        run = runs.get(thread.last_run_id or 0)
        if run is not None:
            run.connection = thread.connection
        rows.append(ThreadRow(thread, run, labels.get(thread.pk, [])))
    mark_ambiguous(threads, among=among)
    return rows
