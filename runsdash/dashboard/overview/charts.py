"""Computes stacked bars: across in percent, upwards in pixels, so that text never stretches. Draws nothing."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log

HEIGHT = 188
FLOOR, CEILING = 166, 8  # of the plot, in pixels from the top
ROUND = re.compile(r"\.0+(?=\D|$)")  # of a whole number
SERIES = ("a", "b", "d")  # their classes in the style sheet, in this order
PARTS = 4  # of the axis
NICE = (1, 2, 4, 5, 10)
BAR_SHARE = 0.476  # of the room a bar has
LABELLED_BARS = 8  # more have no numbers on top, and not each has a name below
MAX_NAMES = 6


@dataclass(frozen=True)
class ChartColumn:
    """Holds a value for each of SERIES, and the bar's name in short and in full."""

    name: str
    title: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class ChartPart:
    series: str
    y: str
    height: str


@dataclass(frozen=True)
class ChartBar:
    """Places a bar. `x`, `width` and `middle` are percents; `name` and `top` may be empty."""

    x: str
    width: str
    middle: str
    parts: list[ChartPart]
    title: str
    name: str
    top: str
    top_y: str


@dataclass(frozen=True)
class ChartLine:
    y: str
    text_y: str
    text: str
    is_floor: bool


@dataclass(frozen=True)
class Chart:
    bars: list[ChartBar]
    lines: list[ChartLine]
    height: int = HEIGHT


def part_size(most: float, *, least: float) -> float:
    """Returns a nice number as length of one part of the axis, so that all parts hold `most`."""
    size = least
    while True:
        for factor in NICE:
            if factor * size * PARTS >= most:
                return factor * size
        size *= 10


def chart(columns: Sequence[ChartColumn], *, write: Callable[[float], str], least: float) -> Chart:
    """Lays out a chart. `write` shortens a number; `least` is the smallest sensible part of the axis."""
    part = part_size(max((sum(one.values) for one in columns), default=0), least=least)
    scale = (FLOOR - CEILING) / (PARTS * part)
    return Chart(
        bars=[bar(column, place, len(columns), scale, write) for place, column in enumerate(columns)],
        lines=[line(number, number * part, write) for number in range(PARTS + 1)],
    )


def line(number: int, value: float, write: Callable[[float], str]) -> ChartLine:
    y = FLOOR - number * (FLOOR - CEILING) / PARTS
    return ChartLine(f"{y:.1f}", f"{y + 4:.1f}", ROUND.sub("", write(value)), number == 0)


def bar(column: ChartColumn, place: int, count: int, scale: float, write: Callable[[float], str]) -> ChartBar:
    room, total = 100 / count, sum(column.values)
    middle, width = room * (place + 0.5), room * BAR_SHARE
    top = FLOOR - total * scale
    return ChartBar(
        x=f"{middle - width / 2:.2f}%",
        width=f"{width:.2f}%",
        middle=f"{middle:.2f}%",
        parts=parts(column.values, scale),
        title=f"{column.title}: {write(total)}",
        name=column.name if count <= LABELLED_BARS or place % -(-count // MAX_NAMES) == 0 else "",
        top=write(total) if total and count <= LABELLED_BARS else "",
        top_y=f"{top - 4:.1f}",
    )


def parts(values: Sequence[float], scale: float) -> list[ChartPart]:
    """Stacks the values from the floor up, a pixel apart."""
    stack, y = [], float(FLOOR)
    for series, value in zip(SERIES, values, strict=True):
        height = value * scale
        if height >= 0.5:
            stack.append(ChartPart(series, f"{y - height:.1f}", f"{max(0.5, height - 1):.1f}"))
        y -= height
    return stack


def log_place(seconds: float, *, most: float) -> float:
    """Places a duration on a log scale from 1 s to `most`, in percent, with room for the mark itself."""
    share = log(max(1, seconds)) / log(max(2, most))
    return round(2 + 96 * min(1, share), 1)
