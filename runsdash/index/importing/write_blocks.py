"""Writes the rows of blocks into the index, each group of blocks in one transaction.

Two may write at once (two_writers.py). New objects go straight in: the writer expects that their keys are free and that
steps of a new run are new. When the database finds otherwise, the transaction starts over with every key looked up.
Runs that are known are written by `snapshots`, where all rules of merging live.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import IntegrityError, OperationalError, transaction

from runsdash.index.fulltext import writer
from runsdash.index.keeping.purge import let_back_in
from runsdash.index.models import (
    Connection,
    Message,
    Run,
    RunBody,
    RunMetadata,
    RunStep,
    RunTool,
    StatusSeen,
    StepBody,
    Thread,
)
from runsdash.index.snapshots.known_rows import free_keys, keys_of
from runsdash.index.storage.locks import hold_thread
from runsdash.index.storage.sql_writes import insert_rows
from runsdash.index.totals import pricing, rollups, thread_totals

from .read_line import Context
from .row_types import (
    BODY_REST,
    RUN_NAMES,
    STEP_BODY_NAMES,
    STEP_NAMES,
    BlockRows,
    MessageRows,
    OrphanStep,
    RunRows,
)
from .skip_known import RemainingBlock
from .write_messages import write_messages
from .write_orphan_steps import steps_of, write_orphan_steps
from .write_snapshots import write_snapshots
from .write_started import write_started
from .write_threads import BlockThreads, thread_ids, threads_of_block

ATTEMPTS = 4


@dataclass
class WriteResult:
    """Counts the rows that were added or changed, and keeps what is left to do.

    `back`: purged threads that came back. `orphan_steps`: of runs that the index does not have (yet). `reindex`: keys
    of threads that were there before and got messages; the words of all their runs are made anew at the end. `started`:
    threads of runs that steps started, which the index may not have yet. `words` wait for the end of the transaction:
    written together they cost a third.
    """

    runs: int = 0
    steps: int = 0
    messages: int = 0
    threads: int = 0
    back: int = 0
    orphan_steps: list[OrphanStep] = field(default_factory=list)
    reindex: set[int] = field(default_factory=set)
    started: set[str] = field(default_factory=set)
    words: list[tuple[int, str, bool]] = field(default_factory=list)
    collided: bool = False  # it was begun anew

    def write_words(self) -> None:
        writer.insert_words(self.words)
        self.words = []


@dataclass
class Writer:
    """Writes blocks into a connection."""

    connection: Connection
    context: Context

    def write(self, blocks: Sequence[BlockRows], remaining: Sequence[RemainingBlock] = ()) -> WriteResult:
        """Writes all or nothing. Raises what the database raises when it goes on refusing."""
        blocks = [block for block in blocks if not block.is_empty]
        started = [one for block in remaining for one in block.started]
        if not blocks and not started and not any(one.touched for one in remaining):
            return WriteResult()
        for attempt in range(ATTEMPTS):
            result = WriteResult(collided=attempt > 0)
            try:
                with transaction.atomic():
                    touch(remaining)
                    for block in blocks:
                        self.write_block(block, result, is_careful=attempt > 0)
                    if started:
                        result.started |= write_started(self.connection, started)
                    result.write_words()
                return result
            except (IntegrityError, OperationalError):
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    def write_block(self, block: BlockRows, result: WriteResult, *, is_careful: bool) -> None:
        """Writes threads, then their runs, steps and messages, then words. `is_careful`: takes nothing for new."""
        result.back += let_back_in(self.connection, thread_ids(block))
        threads = threads_of_block(self.connection, block, is_careful=is_careful)
        known = keys_of(Run, connection=self.connection, ids=list(block.runs))
        new_runs = [run for run in block.runs.values() if run.upstream_id not in known]
        known_runs = [run for run in block.runs.values() if run.upstream_id in known]
        run_keys = self.insert_runs(new_runs, threads, is_careful=is_careful)
        write_snapshots(self.connection, known_runs, block.later_snapshots)
        stepped_runs = self.write_steps(block, new_runs, known_runs, result, is_careful=is_careful)
        # Of a thread that was not there all messages so far are in this block, so its runs' words are whole.
        whole = set() if is_careful else threads.new
        older = set(threads.rows) - whole
        result.started |= write_started(self.connection, block.started)
        result.messages += write_messages(
            self.connection, block.messages, threads.rows, older=older, is_careful=is_careful
        )
        rollups.mark_dirty(self.connection.pk, run_keys.values())
        words = {run_keys[run.upstream_id]: run.words for run in new_runs if run.thread_id in whole}
        result.words += [(key, *own) for key, own in words.items()]
        from_index = ({*run_keys.values()} | stepped_runs) - words.keys()
        if from_index or older:
            result.write_words()
        writer.index_runs(from_index)
        index_messages(block.messages, threads.rows, older)
        result.reindex |= {threads.rows[one.thread_id].pk for one in block.messages if one.thread_id in older}
        result.runs += len(block.runs) + len(block.later_snapshots)
        result.threads += len(block.threads)

    def write_steps(
        self,
        block: BlockRows,
        new_runs: Sequence[RunRows],
        known_runs: Sequence[RunRows],
        result: WriteResult,
        *,
        is_careful: bool,
    ) -> set[int]:
        """Inserts steps of new runs as they are, writes others by the rule of age. Returns the runs of the others."""
        trusted, looked_up = ([], block.runs.values()) if is_careful else (new_runs, known_runs)
        steps = [row for run in trusted for row in run.steps]
        insert_rows(RunStep, STEP_NAMES, steps)
        insert_rows(StepBody, STEP_BODY_NAMES, [row for run in trusted for row in run.step_bodies])
        apart = [*block.orphan_steps, *(step for run in looked_up for step in steps_of(run, self.context))]
        written = write_orphan_steps(self.connection, self.context, apart, is_careful=is_careful)
        result.orphan_steps += written.still_orphans
        result.steps += len(steps) + written.written
        return written.run_keys

    def insert_runs(self, runs: Sequence[RunRows], threads: BlockThreads, *, is_careful: bool) -> dict[str, int]:
        """Inserts runs with body, pairs, tools and status history; returns their keys by upstream id."""
        preferred = [run.key for run in runs]
        keys = free_keys(Run, preferred) if is_careful else preferred
        costs = [self.cost_of(run) for run in runs]
        changes: dict[int, thread_totals.TotalsChange] = {}
        for key, cost, run in zip(keys, costs, runs, strict=True):
            change = changes.setdefault(threads.rows[run.thread_id].pk, thread_totals.TotalsChange())
            change.add(
                key=key,
                status=run.status,
                created_at=run.created_at,
                tokens=run.total_tokens,
                cost=cost,
                is_new=True,
            )
        threads.add_runs(changes)
        own = list(zip(keys, runs, strict=True))
        rows = [
            (key, threads.rows[run.thread_id].pk, cost, *run.rest) for (key, run), cost in zip(own, costs, strict=True)
        ]
        insert_rows(Run, RUN_NAMES, rows)
        insert_rows(RunBody, ("run_id", *BODY_REST), [(key, *run.body) for key, run in own])
        insert_rows(RunMetadata, ("run_id", "key", "value"), [(key, *pair) for key, run in own for pair in run.pairs])
        insert_rows(RunTool, ("run_id", "name"), [(key, name) for key, run in own for name in run.tools])
        insert_rows(StatusSeen, ("run_id", "status", "seen_at"), [(key, *one) for key, run in own for one in run.seen])
        return {run.upstream_id: key for key, run in own}

    def cost_of(self, run: RunRows) -> float | None:
        return pricing.cost_of(
            model=run.model, kind=self.connection.kind, created_at=run.created_at,
            prompt_tokens=run.prompt_tokens, completion_tokens=run.completion_tokens,
            cached_tokens=run.cached_tokens,
        )  # fmt: skip


def touch(remaining: Iterable[RemainingBlock]) -> None:
    """Moves the age of objects that were read again and had not changed."""
    for block in remaining:
        for model, key, fetched_at in block.touched:
            names = {"fetched_at": fetched_at} | ({"checked_at": fetched_at} if model is Run else {})
            model._default_manager.filter(pk=key, fetched_at__lt=fetched_at).update(**names)


def index_messages(messages: Iterable[MessageRows], threads: Mapping[str, Thread], ids: set[str]) -> None:
    """Brings the words of runs up to date whose thread (one of `ids`) got messages."""
    by_thread: dict[str, list[Message]] = {}
    for one in messages:
        if one.thread_id in ids:
            message = Message(run_upstream_id=one.run_id, created_at=one.created_at)
            by_thread.setdefault(one.thread_id, []).append(message)
    for thread_id, own in by_thread.items():
        writer.index_messages(threads[thread_id], own)


def reindex_threads(thread_keys: Iterable[int]) -> None:
    """Makes the words of all runs of these threads anew, once all messages are here."""
    for key in sorted(thread_keys):
        with transaction.atomic():
            hold_thread(key)
            writer.index_runs(Run.objects.filter(thread_id=key).values_list("pk", flat=True))
