"""Judges what got worse: a share of runs that ended badly which rose by more than chance explains.

Both times need MIN_RUNS runs, and the Wilson intervals of the two shares must not overlap.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

from .sums import Sums

MIN_RUNS = 20
Z = 1.959964  # of 95 %


@dataclass(frozen=True)
class Worse:
    """Holds what got worse: `column` and `key` name it, `now` and `before` are its sums."""

    column: str
    key: str | int
    now: Sums
    before: Sums


def wilson(bad: int, runs: int) -> tuple[float, float]:
    """Returns the ends of the 95 % interval of a share."""
    share = bad / runs
    middle = share + Z * Z / (2 * runs)
    reach = Z * sqrt(share * (1 - share) / runs + Z * Z / (4 * runs * runs))
    return (middle - reach) / (1 + Z * Z / runs), (middle + reach) / (1 + Z * Z / runs)


def is_higher(now: tuple[int, int], before: tuple[int, int]) -> bool:
    """Tells whether a share rose beyond chance. Both: (how many, of how many)."""
    if min(now[1], before[1]) < MIN_RUNS:
        return False
    return wilson(*now)[0] > wilson(*before)[1]


def is_worse(now: Sums, before: Sums) -> bool:
    """Tells whether runs end badly more often than before."""
    return is_higher((now.ended_badly, now.runs), (before.ended_badly, before.runs))


def worse_of(column: str, now: Mapping[str | int, Sums], before: Mapping[str | int, Sums]) -> list[Worse]:
    """Lists what got worse, the largest rise first."""
    found = [
        Worse(column, key, sums, before[key])
        for key, sums in now.items()
        if key in before and is_worse(sums, before[key])
    ]
    return sorted(found, key=lambda one: one.before.bad_share - one.now.bad_share)
