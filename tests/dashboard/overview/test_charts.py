"""Charts as geometry: bars stand on the floor, stay under the ceiling, and their axis is made of nice numbers."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runsdash.dashboard.overview.charts import (
    FLOOR,
    NICE,
    PARTS,
    SERIES,
    ChartColumn,
    ChartSeries,
    dotted,
    log_share,
    part_size,
    stacked,
)
from runsdash.dashboard.overview.usage import axis_dollars
from runsdash.dashboard.shell.formats import cost_text, costs_text, short_count_text

VALUES = st.tuples(*[st.floats(0, 1e13)] * 3)
THREE = [ChartSeries(name, f"series {name}", name) for name in SERIES[:3]]


def columns(*values: tuple[float | None, ...]) -> list[ChartColumn]:
    urls = ("/a", "/b", "/c")
    return [ChartColumn(f"d{at}", f"day {at}", one, urls[: len(one)]) for at, one in enumerate(values)]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(VALUES, min_size=1, max_size=20))
def test_bars_fit_between_floor_and_ceiling(values: list[tuple[float, ...]]) -> None:
    chart = stacked(columns(*values), THREE, write=short_count_text, least=1, step="day")
    for mark in chart.marks:
        assert float(mark.y) >= -0.2
        assert float(mark.y) + float(mark.height) <= FLOOR + 1.2
        assert float(mark.x[:-1]) >= 0
        assert float(mark.x[:-1]) + float(mark.width[:-1]) <= 100
    assert len(chart.marks) == sum(bool(one) for column in values for one in column)


def test_a_mark_says_its_value_and_its_share_and_leads_somewhere() -> None:
    chart = stacked(columns((3, 0, 1), (0, 0, 0)), THREE, write=short_count_text, least=1, step="day")
    assert [(one.label, one.url) for one in chart.marks] == [
        ("day 0, series a: 3, 75 % of that day", "/a"),
        ("day 0, series e: 1, 25 % of that day", "/c"),
    ]


def test_a_gap_in_dots_is_a_gap() -> None:
    chart = dotted(columns((1.0,), (10.0,), (None,), (100.0,), (5.0,)), THREE[:1], write=short_count_text)
    assert len(chart.marks) == 4
    assert len(chart.lines) == 2


@given(st.floats(0, 1e13), st.sampled_from([1, 0.01]))
def test_the_axis_holds_the_most_in_nice_parts(most: float, least: float) -> None:
    part = part_size(most, least=least)
    assert part * PARTS >= most
    digits = part / least
    while digits > 10:
        digits /= 10
    assert any(digits == pytest.approx(nice) for nice in NICE)


def test_an_empty_chart_has_an_axis() -> None:
    chart = stacked([], THREE, write=short_count_text, least=1, step="day")
    assert [one.text for one in chart.grid] == ["0", "1", "2", "3", "4"]
    assert chart.marks == []


def test_seconds_stand_on_a_log_scale() -> None:
    assert log_share(0, most=600) == log_share(1, most=600) == 0
    assert log_share(600, most=600) == log_share(10_000, most=600) == 1
    assert log_share(10, most=100) == pytest.approx(0.5)


@pytest.mark.parametrize(("count", "named"), [(1, 1), (7, 7), (24, 6), (30, 6), (48, 7), (62, 7)])
def test_names_below_bars_never_crowd(count: int, named: int) -> None:
    chart = stacked(columns(*[(1, 0, 0)] * count), THREE, write=str, least=1, step="day")
    assert sum(text.text.startswith("d") for text in chart.texts) == named


def test_axis_words() -> None:
    dollars = stacked(columns((0.3, 0, 0)), THREE, write=costs_text, axis=axis_dollars, least=0.01, step="day")
    assert [line.text for line in dollars.grid] == ["$0", "$0.10", "$0.20", "$0.30", "$0.40"]
    tokens = stacked(columns((799_000, 0, 0)), THREE, write=short_count_text, least=1, step="day")
    assert [line.text for line in tokens.grid] == ["0", "200 K", "400 K", "600 K", "800 K"]


def test_money_words() -> None:
    assert [axis_dollars(one) for one in (0.001, 4, 40, 2500)] == ["<$0.01", "$4", "$40", "$2.5 K"]
    assert [cost_text(one) for one in (None, 0.03608, 0, 0.00001)] == ["—", "$0.0361", "$0.0000", "<$0.0001"]
    assert [costs_text(one) for one in (160.4, 0, 0.001, 1234.5)] == ["$160.40", "$0.00", "<$0.01", "$1,234.50"]
    assert [short_count_text(one) for one in (942, 12_608, 999_960, 42_220_000, 1.3e12)] == [
        "942", "12.6 K", "1.0 M", "42.2 M", "1300.0 B",
    ]  # fmt: skip
