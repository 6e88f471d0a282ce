"""Percentiles from histograms against percentiles of the numbers themselves."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runsdash.index.totals.histograms import (
    EMPTY,
    MAX_S,
    STARTS,
    bucket_of,
    histogram_of,
    percentile,
    seconds_of,
)

SECONDS = st.one_of(st.integers(0, 120), st.integers(0, 40_000), st.integers(0, MAX_S))


@given(SECONDS)
def test_a_bucket_stands_for_its_seconds(seconds: int) -> None:
    bucket = bucket_of(seconds)
    assert STARTS[bucket] <= seconds <= STARTS[bucket + 1] - 1
    assert abs(seconds_of(bucket) - seconds) <= 0.05 * seconds


def test_the_first_minute_is_exact() -> None:
    assert [seconds_of(bucket_of(seconds)) for seconds in range(60)] == list(range(60))


@given(st.lists(SECONDS, min_size=1, max_size=300), st.sampled_from([0.5, 0.95, 0.99]))
def test_percentiles_are_within_five_percent(times: list[int], share: float) -> None:
    exact = sorted(times)[ceil(share * len(times)) - 1]
    found = percentile(sum(map(histogram_of, times)), share)
    assert abs(found - exact) <= 0.05 * exact


def test_without_runs_there_is_none() -> None:
    assert percentile(EMPTY, 0.5) is None


@pytest.mark.parametrize("seconds", [-5, MAX_S + 10])
def test_what_cannot_be_is_taken_as_the_nearest_that_can(seconds: int) -> None:
    assert 0 <= bucket_of(seconds) < len(STARTS) - 1
