"""Counts runs by whole seconds, so that a few hundred numbers give percentiles within 3 %.

Seconds are sorted into log-scale buckets: the first minute has a bucket for each second and is exact; from there a
bucket is 6 % wider than the one before. A histogram is one whole number with 32 bits for the runs of each bucket: two
are added as numbers are, however many buckets they have.
"""

from array import array
from bisect import bisect_left, bisect_right
from itertools import accumulate
from math import ceil, sqrt

EXACT_S, GROWTH = 60, 1.06
MAX_S = 2**31 - 1
BITS, BYTES, ARRAY_TYPE = 32, 4, "I"  # of one bucket; in bytes the first bucket is first, least byte first
Histogram = int
EMPTY: Histogram = 0


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


def histogram_of(seconds: int, runs: int = 1) -> Histogram:
    """Returns the histogram of runs that took this long."""
    return runs << BITS * bucket_of(seconds)


def packed(histogram: Histogram) -> bytes:
    """Packs a histogram into bytes for a column."""
    return histogram.to_bytes(-(-histogram.bit_length() // BITS) * BYTES, "little")


def unpacked(data: bytes) -> Histogram:
    return int.from_bytes(data, "little")


def runs_by_bucket(histogram: Histogram) -> list[int]:
    """Returns the runs of each bucket, up to the last that has any."""
    return array(ARRAY_TYPE, packed(histogram)).tolist()


def percentile(histogram: Histogram, share: float) -> int | None:
    """Finds the fewest seconds that `share` of all runs do not exceed. None: no runs."""
    if not histogram:
        return None
    seen = list(accumulate(runs_by_bucket(histogram)))
    return seconds_of(bisect_left(seen, max(1, ceil(share * seen[-1]))))
