"""Writes what an application sent into the index, by the rule of age.

An age that a sender states is never in the future, so whatever is read of an upstream afterwards is newer and wins.
Nothing is polled for the sake of these rows where there is no upstream.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import monotonic, sleep

from runsdash.index.keeping.purge import purged_ids
from runsdash.index.models import Connection, Run, RunStep
from runsdash.index.models.runs import SENT_IN
from runsdash.index.run_states import ENDED
from runsdash.index.snapshots.ended_runs import ENDED_STEPS
from runsdash.index.snapshots.known_rows import chunks
from runsdash.index.snapshots.upsert_messages import upsert_messages
from runsdash.index.snapshots.upsert_runs import upsert_runs
from runsdash.index.snapshots.upsert_steps import upsert_steps
from runsdash.index.snapshots.upsert_threads import ensure_threads, upsert_threads
from runsdash.service import objects

from .lines import Placed, Refusal

RUNS_A_TRANSACTION = 50
# Whoever waits for SQLite's lock looks for it every tenth of a second: a pause of that length lets them in.
TURN_S, PAUSE_S = 0.5, 0.1
NAMES = {"thread": "threads", "thread.run": "runs", "thread.run.step": "steps", "thread.message": "messages"}


@dataclass
class WriteTurn:
    """Lets others write where one request holds thousands of objects, and so much time is spent writing them."""

    began: float = field(default_factory=monotonic)

    def share(self) -> None:
        if monotonic() > self.began + TURN_S:
            sleep(PAUSE_S)
            self.began = monotonic()


def store_lines(connection: Connection, lines: Sequence[Placed]) -> tuple[dict[str, int], list[Refusal]]:
    """Stores objects, the oldest first; returns how many of each kind were taken, and what was refused."""
    taken = dict.fromkeys(NAMES.values(), 0)
    lines, refused = without_purged(connection, lines)
    ages: dict[datetime, list[Placed]] = defaultdict(list)
    for placed in lines:
        ages[placed.object.fetched_at].append(placed)
    turn = WriteTurn()
    for fetched_at in sorted(ages):
        refused += store_of_age(connection, ages[fetched_at], fetched_at=fetched_at, turn=turn)
    bad = {one.line for one in refused}
    for placed in lines:
        taken[NAMES[placed.object.kind]] += placed.line not in bad
    if not connection.has_upstream:
        close_runs(connection, run_ids_of(lines))
    return taken, refused


def store_of_age(
    connection: Connection, lines: Iterable[Placed], *, fetched_at: datetime, turn: WriteTurn
) -> list[Refusal]:
    by_kind: dict[str, list[Placed]] = defaultdict(list)
    for placed in lines:
        by_kind[placed.object.kind].append(placed)
    threads = [objects.Thread.from_raw(one.value) for one in by_kind["thread"]]
    upsert_threads(connection, threads, fetched_at=fetched_at)
    runs = [objects.Run.from_raw(one.value) for one in by_kind["thread.run"]]
    for start in range(0, len(runs), RUNS_A_TRANSACTION):
        fifty = [replace(run, reply_digest=SENT_IN) for run in runs[start : start + RUNS_A_TRANSACTION]]
        upsert_runs(connection, fifty, fetched_at=fetched_at)
        turn.share()
    for owner_id, some in by_owner(by_kind["thread.message"]).items():
        thread = ensure_threads(connection, [owner_id])[owner_id]
        messages = [objects.Message.from_raw(one.value) for one in some]
        upsert_messages(thread, messages, fetched_at=fetched_at)
        turn.share()
    return store_steps(connection, by_kind["thread.run.step"], fetched_at=fetched_at, turn=turn)


def store_steps(
    connection: Connection, lines: Sequence[Placed], *, fetched_at: datetime, turn: WriteTurn
) -> list[Refusal]:
    """Stores steps of runs that are here; a step says too little to make its run of it."""
    refused: list[Refusal] = []
    wanted = by_owner(lines)
    rows = Run.objects.filter(connection=connection).select_related("connection", "thread")
    runs = {run.upstream_id: run for some in chunks(list(wanted)) for run in rows.filter(upstream_id__in=some)}
    for owner_id, some in wanted.items():
        run = runs.get(owner_id)
        if run is None:
            sentence = f"its run {owner_id[:80]} is not here. Send the run before its steps, or with them"
            refused += [Refusal(one.line, f"Line {one.line} was refused: {sentence}.") for one in some]
        else:
            steps = [objects.RunStep.from_raw(one.value) for one in some]
            upsert_steps(run, steps, fetched_at=fetched_at)
            turn.share()
    return refused


def by_owner(lines: Iterable[Placed]) -> dict[str, list[Placed]]:
    """Groups lines by the thread or run they belong to."""
    found: dict[str, list[Placed]] = defaultdict(list)
    for placed in lines:
        found[placed.object.owner_id[:200]].append(placed)
    return found


def without_purged(connection: Connection, lines: Sequence[Placed]) -> tuple[list[Placed], list[Refusal]]:
    """Leaves out what belongs to threads that were purged here: nobody but a person lets them back in."""
    ids = {thread_of(placed) for placed in lines} - {""}
    purged = {one for some in chunks(sorted(ids)) for one in purged_ids(connection, some)}
    sentence = "its thread was purged here. Somebody has to add it again first"
    refused = [
        Refusal(one.line, f"Line {one.line} was refused: {sentence}.") for one in lines if thread_of(one) in purged
    ]
    return [one for one in lines if thread_of(one) not in purged], refused


def thread_of(placed: Placed) -> str:
    """Names the thread of a line. A step may not say; its run is not here then either."""
    line = placed.object
    if line.kind == "thread":
        return line.id
    thread_id = line.value.get("thread_id") if isinstance(line.value, dict) else None
    return thread_id[:200] if isinstance(thread_id, str) else ""


def run_ids_of(lines: Iterable[Placed]) -> set[str]:
    owned = (one.object.owner_id[:200] for one in lines if one.object.kind == "thread.run.step")
    return {one.object.id for one in lines if one.object.kind == "thread.run"} | set(owned)


def close_runs(connection: Connection, run_ids: Iterable[str]) -> None:
    """Says of ended runs whose steps have all ended that nothing is missing, since nobody can be asked for more."""
    for some in chunks(sorted(run_ids)):
        rows = Run.objects.filter(connection=connection, upstream_id__in=some, status__in=ENDED, has_all_steps=False)
        open_steps = RunStep.objects.filter(run__in=rows).exclude(status__in=ENDED_STEPS)
        rows.exclude(pk__in=open_steps.values("run_id")).update(has_all_steps=True)
