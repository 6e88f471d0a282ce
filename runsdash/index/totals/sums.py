"""Holds what is added up of runs, and how runs of the index become it.

A Fact is the sums of the runs that share connection, assistant, model, status and error code within an hour, a day or a
bar of a chart (`since`). The overview is made of facts, wherever they come from: rollups or runs.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property
from operator import add
from typing import NamedTuple, TypeVar

from runsdash.index import run_states

from .histograms import EMPTY, Histogram, histogram_of, percentile
from .hour_spans import hour_of_key

Key = TypeVar("Key", bound=Hashable)
# What a row of sums is told apart by, and what it counts.
KEYS = ("assistant_id", "model", "status", "error_code")
COUNTS = ("runs", "prompt_tokens", "completion_tokens", "total_tokens", "cost", "unpriced_runs")
SHARES = (0.5, 0.95)
# What is read of a run, in the order that `Sums.add_run` takes.
OF_RUN = (
    "id", "connection_id", *KEYS, "prompt_tokens", "completion_tokens", "total_tokens", "cost", "duration_s", "queue_s",
)  # fmt: skip


class Fact(NamedTuple):
    """Holds sums that were made before. `since`: an hour of the bar that it counts in."""

    since: int
    connection_id: int
    assistant_id: str
    model: str
    status: str
    error_code: str
    runs: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost: float
    unpriced_runs: int

    @property
    def counts(self) -> tuple[int | float, ...]:
        return (
            self.runs, self.prompt_tokens, self.completion_tokens, self.total_tokens, self.cost, self.unpriced_runs
        )  # fmt: skip

    def plus(self, other: "Fact") -> "Fact":
        """Adds another fact that is told apart by the same values."""
        return Fact._make((*self[: -len(COUNTS)], *map(add, self.counts, other.counts)))


@dataclass
class Sums:
    """Adds up runs. `unpriced_runs` have tokens, but a model without a known price; times are of completed runs."""

    runs: int = 0
    completed: int = 0
    failed: int = 0
    expired: int = 0
    ended_badly: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cost: float = 0.0
    unpriced_runs: int = 0
    took: Histogram = EMPTY
    queued: Histogram = EMPTY

    def add(self, fact: Fact) -> None:
        """Adds a fact. Written out: a page adds thousands."""
        _, _, _, _, status, _, runs, prompt, completion, total, cost, unpriced = fact
        self.runs += runs
        self.prompt_tokens += prompt
        self.completion_tokens += completion
        self.total_tokens += total
        self.cost += cost
        self.unpriced_runs += unpriced
        self.add_status(status, runs)

    def add_status(self, status: str, runs: int) -> None:
        if status == run_states.COMPLETED:
            self.completed += runs
        elif status in run_states.NOT_COMPLETED:
            self.ended_badly += runs
            self.failed += runs if status == run_states.FAILED else 0
            self.expired += runs if status == run_states.EXPIRED else 0

    @property
    def counts(self) -> tuple[int | float, ...]:
        return tuple(getattr(self, name) for name in COUNTS)

    @property
    def bad_share(self) -> float:
        return self.ended_badly / self.runs if self.runs else 0.0

    @property
    def failed_share(self) -> float:
        return self.failed / self.runs if self.runs else 0.0

    @cached_property
    def percentiles(self) -> tuple[int | None, ...]:
        """Returns p50 and p95 of what completed runs took, in seconds. Ask once all is added."""
        return tuple(percentile(self.took, share) for share in SHARES)

    @cached_property
    def queue_percentiles(self) -> tuple[int | None, ...]:
        return tuple(percentile(self.queued, share) for share in SHARES)

    @property
    def p50(self) -> int | None:
        return self.percentiles[0]

    @property
    def p95(self) -> int | None:
        return self.percentiles[1]


# Of one run, in the order of OF_RUN.
RunValues = tuple[
    int, int, str, str, str, str, int | None, int | None, int | None, float | None, int | None, int | None
]
FactKey = tuple[int, int, str, str, str, str]  # hour, connection, then KEYS


def sums_of_runs(runs: Iterable[RunValues]) -> dict[FactKey, Sums]:
    """Adds up runs by hour, connection and KEYS."""
    found: dict[FactKey, Sums] = {}
    for pk, connection_id, assistant, model, status, code, prompt, completion, total, cost, took, queued in runs:
        key = (hour_of_key(pk), connection_id, assistant, model, status, code)
        sums = found.get(key)
        if sums is None:
            sums = found[key] = Sums()
        sums.runs += 1
        sums.prompt_tokens += prompt or 0
        sums.completion_tokens += completion or 0
        sums.total_tokens += total or 0
        sums.cost += cost or 0.0
        sums.unpriced_runs += total is not None and cost is None
        if status == run_states.COMPLETED:
            if took is not None:
                sums.took += histogram_of(took)
            if queued is not None:
                sums.queued += histogram_of(queued)
    return found


def add_sums(sums: Sums, *, to: Sums) -> None:
    """Adds all of `sums` to other ones."""
    for name in (*COUNTS, "completed", "failed", "expired", "ended_badly", "took", "queued"):
        setattr(to, name, getattr(to, name) + getattr(sums, name))


def summed_by(facts: Iterable[Fact], key: Callable[[Fact], Key]) -> dict[Key, Sums]:
    """Adds facts up by a key of theirs."""
    found: dict[Key, Sums] = {}
    for fact in facts:
        name = key(fact)
        sums = found.get(name)
        if sums is None:
            sums = found[name] = Sums()
        sums.add(fact)
    return found
