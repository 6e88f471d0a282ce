"""Starts the reads that a run or a thread needs, side by side."""

from concurrent.futures import Future
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from runsdash.index.models import Connection, Run, Thread
from runsdash.index.snapshots.ended_runs import first_open_step
from runsdash.index.walks import rests
from runsdash.service import Client
from runsdash.service.statuses import RunStatus

from .named_runs import named_run_reads
from .parallel_reads import Reads

STEPS_A_READ = 100
MESSAGES_A_READ = 50
LIVE_MESSAGES = 20
RUNS_A_READ = 100
ASSISTANTS_EVERY = timedelta(minutes=10)
PARTS_EVERY = timedelta(seconds=4)  # of a run at work that has no open step, when somebody looks
PARTS_OF_QUIET_EVERY = timedelta(seconds=30)  # of one that waits or queues
# The most requests that one refresh sends.
RUN_COST = 5
THREAD_COST = 3
FILE_SEARCH_CONTENT = ["step_details.tool_calls[*].file_search.results[*].content"]


def needs_parts(run: Run) -> bool:
    """Tells whether steps and messages are read along with the run, or whether its own object tells enough.

    A run that waits or queues takes no step without changing itself. One at work may: while a step is open it is read
    each time, else now and then.
    """
    is_quiet = run.facts.is_waiting or run.facts == RunStatus.QUEUED
    every = PARTS_OF_QUIET_EVERY if is_quiet else PARTS_EVERY
    checked = run.steps_checked_at
    return checked is None or timezone.now() - checked >= every or owes_parts(run)


def owes_parts(run: Run) -> bool:
    """Tells whether steps and messages may have changed since they were read, so that they cannot wait for a turn."""
    checked = run.steps_checked_at
    is_walked = run.facts.is_active and run.steps_walked_at is not None and not run.connection.lacks_steps
    if not is_walked or run.trouble or checked is None or (run.status_since and checked < run.status_since):
        return True
    return not run.facts.is_waiting and run.facts != RunStatus.QUEUED and first_open_step(run) is not None


def run_reads(client: Client, run: Run, *, whole: bool = True) -> Reads:
    """Reads the run, its next steps (and newest, while it is live), its messages. `run` unsaved: an id never seen.

    Unless `whole`, the run alone where that tells enough.
    """
    thread_id, run_id = run.thread.upstream_id, run.upstream_id
    ask, is_new = client.background, run.pk is None
    futures = {"run": ask.retrieve_run(thread_id=thread_id, run_id=run_id, known=run.reply_digest)}
    if not (whole or is_new or needs_parts(run)):
        return Reads(futures)
    return Reads(futures | part_reads(client, run))


def part_reads(client: Client, run: Run) -> dict[str, Future[Any]]:
    """Reads steps and messages of a run."""
    thread_id, run_id = run.thread.upstream_id, run.upstream_id
    ask, is_new = client.background, run.pk is None
    futures: dict[str, Future[Any]] = {}
    if not run.connection.lacks_steps:
        futures.update(step_reads(client, run, thread_id, run_id))
    futures["messages"] = ask.list_messages(
        thread_id=thread_id, limit=MESSAGES_A_READ if is_new else LIVE_MESSAGES, order="desc"
    )
    if is_new or run.facts.is_terminal:
        futures["own_messages"] = ask.list_messages(
            thread_id=thread_id, run_id=run_id, limit=MESSAGES_A_READ, order="asc"
        )
    if takes_assistants_turn(run.connection):
        futures["assistants"] = ask.list_assistants(limit=100)
    return futures


def step_reads(client: Client, run: Run, thread_id: str, run_id: str) -> dict[str, Future[Any]]:
    """Goes on with the walk from the first step. A live run that was walked once needs only its newest page."""
    ask, found = client.background, {}
    is_live = run.pk is not None and run.facts.is_active
    needs_walk = run.steps_walked_at is None if is_live else not run.has_all_steps
    if needs_walk and not rests(run, "steps"):
        found["steps"] = ask.list_run_steps(
            thread_id=thread_id,
            run_id=run_id,
            limit=STEPS_A_READ,
            order="asc",
            after=run.steps_cursor or None,
            include=FILE_SEARCH_CONTENT,
        )
    if is_live and (run.steps_walked_at or run.steps_cursor or rests(run, "steps")):
        found["newest_steps"] = ask.list_run_steps(
            thread_id=thread_id, run_id=run_id, limit=STEPS_A_READ, order="desc", include=FILE_SEARCH_CONTENT
        )
    return found


def thread_reads(
    client: Client,
    thread_id: str,
    *,
    walk: Thread | None = None,
    runs_only: bool = False,
    named_runs: list[str] | None = None,
) -> Reads:
    """Reads the thread, its newest messages and runs; for a `walk` also the runs before the oldest one seen.

    Where the server lists no runs, those of `named_runs` are read, and messages tell of new ones.
    """
    ask, has_runs = client.background, named_runs is None
    futures = named_run_reads(client, thread_id, named_runs or [])
    if has_runs:
        futures["runs"] = ask.list_runs(thread_id=thread_id, limit=RUNS_A_READ, order="desc")
    if not runs_only:
        futures["thread"] = ask.retrieve_thread(thread_id=thread_id)
    if not (runs_only and futures):
        futures["messages"] = ask.list_messages(thread_id=thread_id, limit=MESSAGES_A_READ, order="desc")
    if has_runs and walk is not None and walk.runs_cursor and not walk.has_all_runs:
        futures["older_runs"] = ask.list_runs(
            thread_id=thread_id, limit=RUNS_A_READ, order="desc", after=walk.runs_cursor
        )
    return Reads(futures)


def takes_assistants_turn(connection: Connection) -> bool:
    """Lets one caller read the names of assistants along, once every ASSISTANTS_EVERY."""
    last = connection.assistants_listed_at
    if last is not None and timezone.now() - last < ASSISTANTS_EVERY:
        return False
    old = Q(assistants_listed_at__isnull=True) | Q(assistants_listed_at__lt=timezone.now() - ASSISTANTS_EVERY)
    rows = Connection.objects.filter(old, pk=connection.pk)
    return bool(rows.update(assistants_listed_at=timezone.now()))
