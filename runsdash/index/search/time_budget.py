"""Limits a search: how long it may take, and how many index entries it looks at for that. Reads no index itself."""

from dataclasses import dataclass, replace
from time import monotonic

LARGEST_CHUNK = 50_000  # index entries looked at by one statement
GROWTH = 4


@dataclass(frozen=True)
class TimeBudget:
    """Says how much is looked at for one page. `ends_at` is set when the search starts."""

    walk_s: float = 0.7  # of walking; what the last statement takes comes on top
    statement_s: float = 0.95  # no statement runs longer; on SQLite, no block of statements
    first_chunk: int = 500  # index entries; later chunks are larger
    probed: int = 500  # index entries looked at to compare indexes
    gathered: int = 20_000  # index entries of a range that is read whole and sorted
    ends_at: float | None = None

    def started(self) -> "TimeBudget":
        """Returns the budget with its end set; one that has started keeps its end."""
        return self if self.ends_at is not None else replace(self, ends_at=monotonic() + self.walk_s)

    @property
    def left_s(self) -> float:
        return self.walk_s if self.ends_at is None else self.ends_at - monotonic()

    def within(self, seconds: float) -> "TimeBudget":
        """Returns a budget that is over in `seconds`, and not later than this one."""
        seconds = min(seconds, self.left_s)
        return TimeBudget(walk_s=seconds, statement_s=seconds).started()

    def next_chunk(self, size: int, took_s: float) -> int:
        """Returns a larger chunk that fits into the time left at the speed so far; 0 when none does."""
        speed = size / max(took_s, 1e-4)
        fitting = int(speed * self.left_s * 0.8)
        return 0 if fitting < self.first_chunk else min(size * GROWTH, LARGEST_CHUNK, fitting)
