"""Counts what happens in this process, until it is added to the rows that /metrics reads.

Any room may count. A name has to stand in COUNTED, and each value of a label comes from a set that the code or an
administrator closes: never from a path, an id, a person or an upstream's text.
"""

import os
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from threading import Lock

Series = tuple[str, tuple[str, ...]]  # a name and the values of its labels


@dataclass(frozen=True, slots=True)
class MeasureKind:
    """Says what a number means. `buckets`: upper bounds in seconds, of a histogram."""

    words: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


COUNTED = {
    "runsdash_upstream_attempts_total": MeasureKind(
        "Requests sent to upstreams: ok, refused (4xx), throttled (429), failed (5xx or no use), silent (no answer).",
        ("connection", "operation", "outcome"),
    ),
    "runsdash_upstream_attempt_seconds": MeasureKind(
        "Time until an upstream's answer was there, or was given up.",
        ("connection", "operation"),
        (0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
    ),
    "runsdash_audited_actions_total": MeasureKind("What people did and tried, sign-ins too.", ("action", "result")),
    "runsdash_delivery_attempts_total": MeasureKind("Notifications sent, put off or given up.", ("channel", "outcome")),
    "runsdash_slow_statements_total": MeasureKind("Statements that took the database longer than a second."),
}
SUM, ABOVE = "sum", "+Inf"  # of a histogram: what stands behind its labels beside the bounds
_counts: defaultdict[Series, float] = defaultdict(float)
_lock = Lock()


def count(name: str, *labels: str, by: float = 1) -> None:
    """Adds to a counter."""
    with _lock:
        _counts[(name, labels)] += by


def observe(name: str, *labels: str, seconds: float) -> None:
    """Adds to a histogram: one to the bucket, all to the sum."""
    bounds = COUNTED[name].buckets
    place = bisect_left(bounds, seconds)
    count(name, *labels, f"{bounds[place]:g}" if place < len(bounds) else ABOVE)
    count(name, *labels, SUM, by=seconds)


def taken() -> dict[Series, float]:
    """Hands over all that was counted; it is the caller's to write now, or to give back."""
    with _lock:
        counts = dict(_counts)
        _counts.clear()
    return counts


def give_back(counts: dict[Series, float]) -> None:
    for (name, labels), by in counts.items():
        count(name, *labels, by=by)


def _forget_after_fork() -> None:
    global _lock
    _lock = Lock()
    _counts.clear()


os.register_at_fork(after_in_child=_forget_after_fork)
