"""Times of repeated calls, as percentiles in milliseconds."""

import statistics
import time
from collections.abc import Callable, Iterable


def times_ms(calls: Iterable[Callable[[], object]]) -> list[float]:
    found = []
    for call in calls:
        began = time.perf_counter()
        call()
        found.append((time.perf_counter() - began) * 1000)
    return sorted(found)


def percentile(sorted_ms: list[float], share: float) -> float:
    return sorted_ms[min(len(sorted_ms) - 1, int(len(sorted_ms) * share))]


def summary(found: list[float]) -> dict[str, float]:
    """{"n", "p50_ms", "p95_ms", "max_ms"}."""
    found = sorted(found)
    return {
        "n": len(found),
        "p50_ms": round(statistics.median(found), 1),
        "p95_ms": round(percentile(found, 0.95), 1),
        "max_ms": round(found[-1], 1),
    }


def table(rows: list[tuple[str, ...]], head: tuple[str, ...]) -> str:
    widths = [max(len(str(row[place])) for row in [head, *rows]) for place in range(len(head))]
    lines = [head, tuple("-" * width for width in widths), *rows]
    return "\n".join(
        "  ".join(str(cell).ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
    )
