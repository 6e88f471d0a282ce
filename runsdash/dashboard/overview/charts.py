"""Computes charts: stacked bars, or dots joined by lines; across in percent, so that text never stretches.

Draws nothing. A chart is made of columns, one for each bar of time, each with a value for every series. None is a gap:
nothing is known, so nothing is drawn.
"""

from collections.abc import Callable, Sequence
from math import log
from re import compile as pattern
from typing import NamedTuple, TypeAlias

HEIGHT, FLOOR, NAMES_Y = 180, 150, 168  # of the plot, in pixels from the top
SERIES = ("a", "b", "e", "f", "i", "h", "g", "j")  # their classes in the style sheet, in this order
OTHER = "d"
MAX_SERIES = len(SERIES)
PARTS = 4  # of the axis
NICE = (1, 2, 4, 5, 10)
BAR_SHARE = 0.64  # of the room a bar has
LABELLED_BARS = 8  # more have no numbers on top, and not each has a name below
MAX_NAMES = 7
ROUND = pattern(r"\.0+(?=\D|$)")  # of a whole number
LOG_LINES = ((1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"), (3600, "1 h"), (86400, "1 d"))


GroupKey: TypeAlias = str | int  # a value of a group
Cause: TypeAlias = tuple[str, str]  # (status, "") or ("", code)


class ChartSeries(NamedTuple):
    """Names a series. `css`: its class; `key` is None for the others together."""

    key: GroupKey | Cause | None
    name: str
    css: str


class ChartColumn(NamedTuple):
    """Holds a value for each series, the bar's name in short and in full, and the address of each mark."""

    name: str
    title: str
    values: tuple[float | None, ...]
    urls: tuple[str, ...]


class ChartMark(NamedTuple):
    """Places a bar's part or a dot; `label` says in words what it is."""

    css: str
    x: str
    y: str
    width: str
    height: str
    label: str
    url: str


class ChartText(NamedTuple):
    x: str
    y: str
    text: str


class ChartLine(NamedTuple):
    css: str
    x1: str
    y1: str
    x2: str
    y2: str


class Chart(NamedTuple):
    marks: list[ChartMark]
    texts: list[ChartText]
    grid: list[ChartText]  # lines across with what they stand for
    lines: list[ChartLine]


def part_size(most: float, *, least: float) -> float:
    """Returns a nice number as length of one part of the axis, so that all parts hold `most`."""
    size = least
    while True:
        for factor in NICE:
            if factor * size * PARTS >= most:
                return factor * size
        size *= 10


def stacked(
    columns: Sequence[ChartColumn],
    series: Sequence[ChartSeries],
    *,
    write: Callable[[float], str],
    least: float,
    step: str,
    axis: Callable[[float], str] | None = None,
) -> Chart:
    """Lays out stacked bars. `write` writes a number; `least` is the smallest sensible part of the axis."""
    axis = axis or write
    part = part_size(max((sum(one or 0 for one in column.values) for column in columns), default=0), least=least)
    scale, room = FLOOR / (PARTS * part), 100 / max(1, len(columns))
    marks: list[ChartMark] = []
    texts: list[ChartText] = []
    for place, column in enumerate(columns):
        middle, total = room * (place + 0.5), sum(one or 0 for one in column.values)
        x, width, y = f"{middle - room * BAR_SHARE / 2:.2f}%", f"{room * BAR_SHARE:.2f}%", float(FLOOR)
        for one, value, url in zip(series, column.values, column.urls, strict=True):
            if not value:
                continue
            height = value * scale
            y -= height
            drawn = max(1.0, height - 1)  # a pixel apart, and seen however small
            label = f"{column.title}, {one.name}: {write(value)}, {share_text(value, total)} of that {step}"
            marks.append(ChartMark(one.css, x, f"{y:.1f}", width, f"{drawn:.1f}", label, url))
        texts += names_of(column, place, len(columns), middle, y, axis(total) if total else "")
    grid = [
        ChartText("", f"{FLOOR - number * FLOOR / PARTS:.1f}", ROUND.sub("", axis(number * part)))
        for number in range(PARTS + 1)
    ]
    return Chart(marks, texts, grid, [])


def share_text(value: float, total: float) -> str:
    share = 100 * value / total
    return "<1 %" if share < 0.5 else f"{share:.0f} %"


def names_of(column: ChartColumn, place: int, count: int, middle: float, y: float, top: str) -> list[ChartText]:
    """Writes the bar's name below it and its number above, where there is room."""
    found = []
    if top and count <= LABELLED_BARS:
        found.append(ChartText(f"{middle:.2f}%", f"{y - 5:.1f}", top))
    if count <= LABELLED_BARS or place % -(-count // MAX_NAMES) == 0:
        found.append(ChartText(f"{middle:.2f}%", str(NAMES_Y), column.name))
    return found


def dotted(columns: Sequence[ChartColumn], series: Sequence[ChartSeries], *, write: Callable[[float], str]) -> Chart:
    """Lays out seconds as dots on a log scale, joined where neighbours are known: a gap stays a gap."""
    most = max([60.0, *(value for column in columns for value in column.values if value is not None)])
    room = 100 / max(1, len(columns))
    marks: list[ChartMark] = []
    lines: list[ChartLine] = []
    for at, one in enumerate(series):
        previous: tuple[str, str] | None = None
        for place, column in enumerate(columns):
            value = column.values[at]
            if value is None:
                previous = None
                continue
            here = f"{room * (place + 0.5):.2f}%", f"{FLOOR * (1 - log_share(value, most=most)):.1f}"
            if previous:
                lines.append(ChartLine(one.css, *previous, *here))
            marks.append(
                ChartMark(one.css, *here, "", "", f"{column.title}, {one.name}: {write(value)}", column.urls[at])
            )
            previous = here
    texts = [
        text
        for place, column in enumerate(columns)
        for text in names_of(column, place, len(columns), room * (place + 0.5), 0, "")
    ]
    scale = [(second, words) for second, words in LOG_LINES if second <= most]
    grid = [ChartText("", f"{FLOOR * (1 - log_share(second, most=most)):.1f}", words) for second, words in scale]
    return Chart(marks, texts, grid, lines)


def log_share(seconds: float, *, most: float) -> float:
    """Places a duration on a log scale from 1 s to `most`, from 0 to 1."""
    return min(1.0, log(max(1.0, seconds)) / log(max(2.0, most)))
