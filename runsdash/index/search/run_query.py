"""Holds what the stations of a search hand on: predicates, the query they make, its order and what was found.

Decides nothing. `predicates` makes a query of a filter, `plan` chooses an index for it, `scans` read that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from runsdash.index.run_columns import LISTED

from .filter_values import KeyRange
from .index_ranges import NO_INDEX, IndexRanges
from .sql_pieces import Sql, all_of
from .subjects import RUNS, Subject

# What a list can be sorted by, and its column. All have an index with the id behind it.
# By the start as by the creation: there is no index of starts.
SORTS = {"created_at": "id", "started_at": "id", **{word: column.name for word, column in LISTED.items()}}
# A thread's last run is the key of that run, so it grows with the time.
THREAD_SORTS = {
    "last_run_at": "last_run_id", "added_at": "id", "runs": "run_count", "tokens": "total_tokens",
    "cost": "cost",
}  # fmt: skip


class KeyPosition(NamedTuple):
    """Says where a row stands in a list by time: at its key."""

    key: int


class ValuePosition(NamedTuple):
    """Says where a row stands in a list by a column: at its value, if it has one, and among equals at its key."""

    value: float | None
    key: int


Position = KeyPosition | ValuePosition


@dataclass(frozen=True)
class RunOrder:
    """Names the order of a list: one of SORTS or THREAD_SORTS, and its direction.

    `is_backwards`: it is read from its end.
    """

    sort: str = "created_at"
    is_descending: bool = True
    is_backwards: bool = False

    @property
    def column(self) -> str:
        return SORTS.get(self.sort) or THREAD_SORTS[self.sort]

    @property
    def is_by_time(self) -> bool:
        return self.column == "id"

    @property
    def is_falling(self) -> bool:
        """Do the values fall along the way it is read?"""
        return self.is_descending != self.is_backwards

    def position(self, row: Sequence[Any]) -> Position:
        """Reads what a statement found: the key, behind the value that the list is by."""
        return KeyPosition(*row) if self.is_by_time else ValuePosition(*row)


@dataclass(frozen=True)
class Predicate:
    """Holds the meaning of clauses that are answered together.

    `index` has every run that fits; only those, when the predicate `is_exact`. `parts` are the predicates that one
    compound index answers together. `has_costly_index`: to bring its many ranges together costs more than to test runs
    that another predicate finds.
    """

    name: str
    condition: Sql
    index: IndexRanges = NO_INDEX
    is_exact: bool = True
    has_costly_index: bool = False
    parts: tuple["Predicate", ...] = ()

    @property
    def answers(self) -> tuple["Predicate", ...]:
        """The predicates that need no test once `index` is read."""
        return self.parts or ((self,) if self.is_exact else ())


@dataclass(frozen=True)
class RunQuery:
    """Asks for the subject's rows whose key is in `key_range` and for which every predicate holds."""

    key_range: KeyRange
    predicates: tuple[Predicate, ...]
    subject: Subject = RUNS

    def and_predicate(self, predicate: Predicate) -> "RunQuery":
        return replace(self, predicates=(*self.predicates, predicate))

    def above(self, key: int) -> "RunQuery":
        return replace(self, key_range=self.key_range & KeyRange(low=key + 1))

    def tests(self, *, but: Sequence[Predicate]) -> list[Sql]:
        """Returns the conditions of all predicates but those that an index answers already."""
        conditions = [one.condition for one in self.predicates if one not in but]
        return [all_of(conditions)] if conditions else []


@dataclass(frozen=True)
class ScanResult:
    """Holds positions in order. `is_stopped`: the time was over before the end of the list, at `stopped_at`."""

    positions: list[Position]
    stopped_at: Position | None = None
    is_stopped: bool = False
