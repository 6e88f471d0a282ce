"""What got worse: shares that rose beyond chance, and none that a few runs explain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runsdash.index.totals.sums import Sums
from runsdash.index.totals.worse import MIN_RUNS, is_higher, wilson, worse_of


@pytest.mark.parametrize(
    ("bad", "runs", "low", "high"), [(0, 20, 0.0, 0.161), (10, 20, 0.299, 0.701), (12, 98, 0.071, 0.202)]
)
def test_intervals_are_those_of_the_books(bad: int, runs: int, low: float, high: float) -> None:
    assert wilson(bad, runs) == (pytest.approx(low, abs=0.001), pytest.approx(high, abs=0.001))


@given(st.integers(1, 5000), st.data())
def test_an_interval_holds_its_share(runs: int, data: st.DataObject) -> None:
    bad = data.draw(st.integers(0, runs))
    low, high = wilson(bad, runs)
    assert -1e-9 <= low <= bad / runs + 1e-9
    assert bad / runs - 1e-9 <= high <= 1 + 1e-9


def test_a_few_runs_say_nothing() -> None:
    assert is_higher((MIN_RUNS, MIN_RUNS), (0, MIN_RUNS))
    assert not is_higher((MIN_RUNS - 1, MIN_RUNS - 1), (0, MIN_RUNS))
    assert not is_higher((MIN_RUNS, MIN_RUNS), (0, MIN_RUNS - 1))


def test_what_overlaps_is_chance() -> None:
    assert not is_higher((6, 30), (3, 30))
    assert is_higher((24, 30), (3, 30))
    assert not is_higher((3, 30), (24, 30))


def test_the_largest_rise_comes_first() -> None:
    before = {name: Sums(runs=100, ended_badly=1) for name in ("a", "b", "c")}
    now = {"a": Sums(runs=100, ended_badly=30), "b": Sums(runs=100, ended_badly=60), "c": Sums(runs=100, ended_badly=2)}
    found = worse_of("model", now | {"new": Sums(runs=100, ended_badly=90)}, before)
    assert [one.key for one in found] == ["b", "a"]
