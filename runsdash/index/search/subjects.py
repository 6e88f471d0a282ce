"""Says what a filter can be about, runs or threads, and names the clauses that each takes.

A thread takes the clauses of its last run, and of its own: words of the whole conversation, its metadata and sums.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from runsdash.index.run_columns import LISTED


@dataclass(frozen=True, eq=False)
class Subject:
    """Names a table, and the clauses on its rows by the kind of their value.

    `plural`: what people call the rows, and the URL name of their list. `row`: what conditions call one of the rows.
    `moments`: the first is what `since` and `until` are short for.
    """

    plural: str
    table: str
    row: str
    values: tuple[str, ...]
    amounts: tuple[str, ...]
    moments: tuple[str, ...]
    flags: Mapping[str, tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.values, *self.amounts, *self.moments, *self.flags)


OF_BOTH = ("status", "model", "assistant", "thread", "connection", "error", "tool", "label", "note", "customer")
RUNS = Subject(
    plural="runs",
    table="index_run",
    row="r",
    values=(*OF_BOTH, "run"),
    amounts=tuple(word for word, column in LISTED.items() if column.listed),
    moments=("created", "since", "until"),
    flags={
        "has": ("tool_calls", "error", "metadata", "cost", "steps", "note", "label"),
        "is": ("active", "ended", "waiting", "overdue"),
    },
)
THREADS = Subject(
    plural="threads",
    table="index_thread",
    row="t",
    values=OF_BOTH,
    amounts=("runs", "tokens", "cost"),
    moments=("active", "since", "until"),
    flags={
        "has": ("tool_calls", "error", "metadata", "cost", "runs", "note", "label"),
        "is": ("active", "ended", "waiting", "overdue", "gone"),
    },
)
