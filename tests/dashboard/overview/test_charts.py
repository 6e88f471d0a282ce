"""Charts as geometry: bars stand on the floor, stay under the ceiling, and their axis is made of nice numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runsdash.dashboard.overview.charts import (
    CEILING,
    FLOOR,
    NICE,
    PARTS,
    ChartColumn,
    chart,
    log_place,
    part_size,
)
from runsdash.dashboard.overview.usage import axis_dollars
from runsdash.dashboard.shell.formats import cost_text, costs_text, short_count_text

VALUES = st.tuples(*[st.floats(0, 1e13)] * 3)


def columns(*values: tuple[float, ...]) -> list[ChartColumn]:
    return [ChartColumn(f"d{place}", f"day {place}", one) for place, one in enumerate(values)]


@given(st.lists(VALUES, min_size=1, max_size=40))
def test_bars_fit_between_floor_and_ceiling(values: list[tuple[float, ...]]) -> None:
    for bar in chart(columns(*values), write=short_count_text, least=1).bars:
        for part in bar.parts:
            top, height = float(part.y), float(part.height)
            assert top >= CEILING - 0.2
            assert top + height <= FLOOR + 0.2
        assert float(bar.x[:-1]) >= 0
        assert float(bar.x[:-1]) + float(bar.width[:-1]) <= 100


@given(st.floats(0, 1e13), st.sampled_from([1, 0.01]))
def test_the_axis_holds_the_most_in_nice_parts(most: float, least: float) -> None:
    part = part_size(most, least=least)
    assert part * PARTS >= most
    assert any(abs(part / (factor * least * 10**power) - 1) < 1e-6 for factor in NICE for power in range(20))


def test_heights_are_in_proportion() -> None:
    first, second = chart(columns((100, 0, 0), (50, 50, 100)), write=str, least=1).bars
    assert [part.series for part in second.parts] == ["a", "b", "d"]
    assert float(second.parts[2].height) == pytest.approx(float(first.parts[0].height), abs=0.2)
    assert (first.title, first.top) == ("day 0: 100", "100")


def test_axis_words() -> None:
    drawn = chart(columns((0.3, 0, 0)), write=axis_dollars, least=0.01)
    assert [line.text for line in drawn.lines] == ["$0", "$0.10", "$0.20", "$0.30", "$0.40"]
    small = chart(columns((0.3, 0, 0)), write=axis_dollars, least=0.01)
    assert small.lines[0].is_floor
    tokens = chart(columns((799_000, 0, 0)), write=short_count_text, least=1)
    assert [line.text for line in tokens.lines] == ["0", "200 K", "400 K", "600 K", "800 K"]
    cents = chart(columns((0.16, 0, 0)), write=axis_dollars, least=0.01)
    assert [line.text for line in cents.lines][1:3] == ["$0.04", "$0.08"]


@pytest.mark.parametrize(("count", "named"), [(1, 1), (7, 7), (24, 6), (30, 6), (48, 6), (62, 6)])
def test_names_below_bars_never_crowd(count: int, named: int) -> None:
    bars = chart(columns(*[(1, 0, 0)] * count), write=str, least=1).bars
    assert sum(bool(bar.name) for bar in bars) == named


def test_log_places() -> None:
    assert [log_place(seconds, most=600) for seconds in (0, 1, 600, 9000)] == [2, 2, 98, 98]
    assert 40 < log_place(24, most=600) < 60


def test_money_words() -> None:
    assert [cost_text(one) for one in (None, 0.03608, 0, 0.00001)] == ["—", "$0.0361", "$0.0000", "<$0.0001"]
    assert [costs_text(one) for one in (160.4, 0, 0.001, 1234.5)] == ["$160.40", "$0.00", "<$0.01", "$1,234.50"]
    assert [short_count_text(one) for one in (942, 12_608, 999_960, 42_220_000, 1.3e12)] == [
        "942", "12.6 K", "1.0 M", "42.2 M", "1300.0 B",
    ]  # fmt: skip
