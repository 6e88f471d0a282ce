"""Writes extracted blocks into the index, each group of blocks in one transaction. Two may write at once (side_by_side.py).

New objects go straight in; the writer bets that their keys are free and that steps of a new run are new. When the
database finds otherwise, it starts the transaction over with every key looked up. Runs that are known go the ordinary
way (`index/upsert`), where all rules of merging live.
"""

from collections.abc import Iterable, Sequence
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
from runsdash.index.snapshots.known_rows import keys_of
from runsdash.index.storage.locks import hold_thread
from runsdash.index.storage.sql_writes import insert_rows
from runsdash.index.totals import pricing, rollups, thread_totals

from .free_keys import Keys
from .read_line import Context
from .row_types import (
    BODY_REST,
    RUN_REST,
    STEP_BODY_NAMES,
    STEP_NAMES,
    BlockRows,
    MessageRows,
    OrphanStep,
    RunRows,
)
from .skip_known import RemainingBlock
from .write_again import write_snapshots
from .write_messages import write_messages
from .write_orphan_steps import steps_of, write_orphan_steps
from .write_threads import BlockThreads, ids_of, threads_of_block

ATTEMPTS = 4
RUN_NAMES = ("id", "thread_id", "cost", *RUN_REST)


@dataclass
class WriteResult:
    """Rows that were added or changed; `orphan_steps`: steps of runs that the index does not have (yet).

    `heard`: keys of threads that had been there and got messages, which the words of their runs depend on. `back`:
    purged threads that came back. `words` wait for the end of the transaction: written together they cost a third.
    """

    runs: int = 0
    steps: int = 0
    messages: int = 0
    threads: int = 0
    back: int = 0
    orphan_steps: list[OrphanStep] = field(default_factory=list)
    heard: set[int] = field(default_factory=set)
    words: list[tuple[int, str, bool]] = field(default_factory=list)
    collided: bool = False  # it was begun anew

    @property
    def rows(self) -> int:
        return self.runs + self.steps + self.messages + self.threads

    def write_words(self) -> None:
        writer.insert_words(self.words)
        self.words = []


@dataclass
class Writer:
    connection: Connection
    context: Context

    def write(self, blocks: Sequence[BlockRows], remaining: Sequence[RemainingBlock] = ()) -> WriteResult:
        """All of it or nothing. Raises what the database raises when it goes on refusing."""
        for attempt in range(ATTEMPTS):
            written = WriteResult()
            try:
                with transaction.atomic():
                    self.touch(remaining)
                    for block in blocks:
                        self.write_block(block, written, careful=attempt > 0)
                    written.write_words()
                written.collided = attempt > 0
                return written
            except (IntegrityError, OperationalError):
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    def touch(self, remaining: Iterable[RemainingBlock]) -> None:
        """Objects that were read again and had not changed."""
        for one in remaining:
            for model, key, fetched_at in one.touched:
                names = {"fetched_at": fetched_at} | ({"checked_at": fetched_at} if model is Run else {})
                model.objects.filter(pk=key, fetched_at__lt=fetched_at).update(**names)

    def write_block(self, block: BlockRows, written: WriteResult, *, careful: bool) -> None:
        written.back += let_back_in(self.connection, ids_of(block))
        owners = threads_of_block(self.connection, block, is_careful=careful)
        threads = owners.rows
        there = set(keys_of(Run, connection=self.connection, ids=list(block.runs)))
        new = [part for part in block.runs.values() if part.upstream_id not in there]
        old = [part for part in block.runs.values() if part.upstream_id in there]
        keys = Keys(careful)
        run_keys = self.insert_runs(new, owners, keys)
        write_snapshots(self.connection, old, block.again)
        trusted = [] if careful else new
        steps = [row for part in trusted for row in part.steps]
        insert_rows(RunStep, STEP_NAMES, steps)
        insert_rows(StepBody, STEP_BODY_NAMES, [row for part in trusted for row in part.step_bodies])
        apart = block.runs.values() if careful else old
        loose = [*block.loose, *(step for part in apart for step in steps_of(part, self.context))]
        stepped = write_orphan_steps(self.connection, self.context, loose, keys, written.orphan_steps)
        heard = owners.new if not careful else set()
        complete = [part for part in new if part.thread_id in heard]
        written.words += [(run_keys[part.upstream_id], *part.words) for part in complete]
        sent = write_messages(self.connection, block.messages, threads, keys, older=set(threads) - heard)
        rollups.mark_dirty(self.connection.pk, run_keys.values())
        # Words of the other runs come from the index, where the rest of what was said may be.
        whole = {run_keys[part.upstream_id] for part in complete}
        others = ({*run_keys.values()} | stepped.run_keys) - whole
        listening = set(threads) - heard
        if others or listening:
            written.write_words()
        writer.index_runs(others)
        hear(block.messages, threads, listening)
        written.heard |= {threads[part.thread_id].pk for part in block.messages if part.thread_id not in heard}
        written.runs += len(new) + len(old) + len(block.again)
        written.steps += len(steps) + stepped.count
        written.messages += sent
        written.threads += len(block.threads)

    def insert_runs(self, parts: Sequence[RunRows], owners: BlockThreads, keys: Keys) -> dict[str, int]:
        """New runs with body, pairs, tools and status history, and their threads; keys of the runs by upstream id."""
        chosen, threads = keys.free(Run, [part.key for part in parts]), owners.rows
        costs = [self.cost_of(part) for part in parts]
        own = list(zip(chosen, costs, parts, strict=True))
        changes: dict[int, thread_totals.TotalsChange] = {}
        for _, cost, part in own:
            change = changes.setdefault(threads[part.thread_id].pk, thread_totals.TotalsChange())
            change.add(created_at=part.created_at, tokens=part.total_tokens, cost=cost, is_new=True)
        owners.add_runs(changes)
        rows = [(key, threads[part.thread_id].pk, cost, *part.rest) for key, cost, part in own]
        insert_rows(Run, RUN_NAMES, rows)
        insert_rows(RunBody, ("run_id", *BODY_REST), [(key, *part.body) for key, _, part in own])
        insert_rows(
            RunMetadata, ("run_id", "key", "value"), [(key, *pair) for key, _, part in own for pair in part.pairs]
        )
        insert_rows(RunTool, ("run_id", "name"), [(key, name) for key, _, part in own for name in part.tools])
        insert_rows(
            StatusSeen, ("run_id", "status", "seen_at"), [(key, *seen) for key, _, part in own for seen in part.seen]
        )
        return {part.upstream_id: key for key, _, part in own}

    def cost_of(self, part: RunRows) -> float | None:
        return pricing.cost_of(
            model=part.model, kind=self.connection.kind, created_at=part.created_at,
            prompt_tokens=part.prompt_tokens, completion_tokens=part.completion_tokens,
        )  # fmt: skip


def hear(parts: Iterable[MessageRows], threads: dict[str, Thread], ids: set[str]) -> None:
    """Brings the words of runs up to date whose thread (one of `ids`) got messages."""
    by_thread: dict[str, list[Message]] = {}
    for part in parts:
        if part.thread_id in ids:
            message = Message(run_upstream_id=part.run_id, created_at=part.created_at)
            by_thread.setdefault(part.thread_id, []).append(message)
    for thread_id, messages in by_thread.items():
        writer.index_messages(threads[thread_id], messages)


def hear_again(thread_keys: set[int]) -> None:
    """Once all messages are here: the words of all runs of these threads."""
    for key in sorted(thread_keys):
        with transaction.atomic():
            hold_thread(key)
            writer.index_runs(Run.objects.filter(thread_id=key).values_list("pk", flat=True))
