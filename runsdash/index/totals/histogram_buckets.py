"""Sorts whole seconds into log-scale buckets, so that a few hundred numbers give percentiles within 3 %.

The first minute has a bucket for each second and is exact; from there a bucket is 6 % wider than the one before.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from math import ceil, sqrt

EXACT_S, GROWTH = 60, 1.06
MAX_S = 2**31 - 1
PACKED = "I"  # bucket, runs, bucket, runs, …: four bytes each, in the byte order of all machines this runs on
Buckets = dict[int, int]  # runs by bucket


def starts() -> list[int]:
    found = list(range(EXACT_S + 1))
    while found[-1] < MAX_S:
        found.append(int(found[-1] * GROWTH))
    return found


STARTS = starts()


def bucket_of(seconds: int) -> int:
    return bisect_right(STARTS, min(max(seconds, 0), MAX_S)) - 1


def seconds_of(bucket: int) -> int:
    """Returns the seconds that stand for a bucket: the geometric middle, at most 3 % off any number in it."""
    first, last = STARTS[bucket], STARTS[bucket + 1] - 1
    return round(sqrt(first * last))


def percentile(counts: Iterable[tuple[int, int]], share: float) -> int | None:
    """Finds the fewest seconds that `share` of all runs do not exceed. `counts`: (bucket, runs). None: no runs."""
    counts = sorted(counts)
    rank = max(1, ceil(share * sum(runs for _, runs in counts)))
    seen = 0
    for bucket, runs in counts:
        seen += runs
        if seen >= rank:
            return seconds_of(bucket)
    return None


def packed(buckets: Mapping[int, int]) -> bytes:
    """Packs runs by bucket into bytes for a column."""
    return array(PACKED, [number for pair in sorted(buckets.items()) for number in pair]).tobytes()


def add_packed(data: bytes, to: Buckets) -> None:
    """Adds what `packed` made to runs by bucket."""
    numbers = array(PACKED)
    numbers.frombytes(data)
    for bucket, runs in zip(numbers[::2], numbers[1::2], strict=True):
        to[bucket] = to.get(bucket, 0) + runs
