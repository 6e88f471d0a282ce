"""Stacked bars as geometry: across in percent, upwards in pixels, so that text never stretches. Draws nothing itself."""

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
class Column:
    """What a bar shows: a value for each of SERIES, and its name in short and in full."""

    name: str
    title: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Part:
    series: str
    y: str
    height: str


@dataclass(frozen=True)
class Bar:
    """`x`, `width` and `middle` are percents; `name` and `top` may be empty."""

    x: str
    width: str
    middle: str
    parts: list[Part]
    title: str
    name: str
    top: str
    top_y: str


@dataclass(frozen=True)
class Line:
    y: str
    text_y: str
    text: str
    is_floor: bool


@dataclass(frozen=True)
class Chart:
    bars: list[Bar]
    lines: list[Line]
    height: int = HEIGHT


def part_size(most: float, *, least: float) -> float:
    """The length of one part of the axis: a nice number, so that all parts hold `most`."""
    size = least
    while True:
        for factor in NICE:
            if factor * size * PARTS >= most:
                return factor * size
        size *= 10


def chart(columns: Sequence[Column], *, write: Callable[[float], str], least: float) -> Chart:
    """`write` makes a number short; `least` is the smallest sensible part of the axis."""
    part = part_size(max((sum(one.values) for one in columns), default=0), least=least)
    scale = (FLOOR - CEILING) / (PARTS * part)
    return Chart(
        bars=[bar(column, place, len(columns), scale, write) for place, column in enumerate(columns)],
        lines=[line(number, number * part, write) for number in range(PARTS + 1)],
    )


def line(number: int, value: float, write: Callable[[float], str]) -> Line:
    y = FLOOR - number * (FLOOR - CEILING) / PARTS
    return Line(f"{y:.1f}", f"{y + 4:.1f}", ROUND.sub("", write(value)), number == 0)


def bar(column: Column, place: int, count: int, scale: float, write: Callable[[float], str]) -> Bar:
    room, total = 100 / count, sum(column.values)
    middle, width = room * (place + 0.5), room * BAR_SHARE
    top = FLOOR - total * scale
    return Bar(
        x=f"{middle - width / 2:.2f}%",
        width=f"{width:.2f}%",
        middle=f"{middle:.2f}%",
        parts=parts(column.values, scale),
        title=f"{column.title}: {write(total)}",
        name=column.name if count <= LABELLED_BARS or place % -(-count // MAX_NAMES) == 0 else "",
        top=write(total) if total and count <= LABELLED_BARS else "",
        top_y=f"{top - 4:.1f}",
    )


def parts(values: Sequence[float], scale: float) -> list[Part]:
    """From the floor up, a pixel apart."""
    found, y = [], float(FLOOR)
    for series, value in zip(SERIES, values, strict=True):
        height = value * scale
        if height >= 0.5:
            found.append(Part(series, f"{y - height:.1f}", f"{max(0.5, height - 1):.1f}"))
        y -= height
    return found


def log_place(seconds: float, *, most: float) -> float:
    """Where a duration stands on a log scale from 1 s to `most`, in percent, with room for the mark itself."""
    share = log(max(1, seconds)) / log(max(2, most))
    return round(2 + 96 * min(1, share), 1)
