"""Charts what runs used and took: cost and tokens by group, seconds as p50 and p95."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from runsdash.dashboard.overview.charts import GroupKey
from runsdash.dashboard.shell import formats
from runsdash.index import run_states
from runsdash.index.search.run_filter import Clause
from runsdash.index.totals.sums import Fact, Sums

from .chart_parts import ChartBars, ChartPanel, columns_of, negated, summed
from .charts import MAX_SERIES, OTHER, SERIES, ChartColumn, ChartSeries, dotted, stacked
from .query import OverviewQuery


@dataclass(frozen=True)
class UsedNumber:
    """Says how a chart shows one number of Sums."""

    name: str
    title: str
    write: Callable[[Any], str]  # of what that column of Sums has
    axis: Callable[[float], str]
    least: float


TOKENS = UsedNumber("total_tokens", "Tokens", formats.count_text, formats.short_count_text, 1)


def axis_dollars(value: float) -> str:
    """Writes `$40`, `$2.5 K`, `$0.05`, `<$0.01`."""
    if value >= 1000:
        return f"${formats.short_count_text(value)}"
    if 0 < value < 0.005:
        return formats.costs_text(value)
    return f"${value:.0f}" if value >= 10 or value == int(value) else f"${value:.2f}"


COST = UsedNumber("cost", "Cost", formats.costs_text, axis_dollars, 0.01)


def used(
    bars: ChartBars,
    sums: Mapping[tuple[int, GroupKey], Sums | Fact],
    measure: UsedNumber,
    *,
    step: str,
    names: Callable[[GroupKey], str],
    clause: Callable[[GroupKey], Clause],
    note: str,
    nothing: str,
) -> ChartPanel:
    """Charts one measure by group: up to eight groups that have most of it, the rest as "other"."""
    values = {key: getattr(one, measure.name) for key, one in sums.items()}
    totals = summed(values)
    keys = sorted((key for key in totals if key and totals[key]), key=lambda key: (-totals[key], str(key)))[:MAX_SERIES]
    series = [ChartSeries(key, names(key), SERIES[place]) for place, key in enumerate(keys)]
    starts = [bars.start(clause(key)) for key in keys]
    if sum(totals.values()) > sum(totals[key] for key in keys) + 1e-9:
        series.append(ChartSeries(None, "other", OTHER))
        starts.append(bars.start(*(negated(clause(key)) for key in keys)))
    columns = columns_of(bars, series, values, starts)
    runs: dict[int, int] = {}
    for (bar, _), one in sums.items():
        runs[bar] = runs.get(bar, 0) + one.runs
    write = cache(measure.write)  # for a mark, and again in the table
    rows = []
    for span, column, url in zip(bars.bars, columns, bars.urls(bars.start()), strict=True):
        numbers = [one or 0 for one in column.values]
        numbers.append(sum(numbers))
        written = {"cells": list(map(write, numbers)), "plain": numbers}
        rows.append({"title": column.title, "url": url, "runs": runs.get(span.first, 0)} | written)
    is_there = any(values.values())
    return ChartPanel(
        name=measure.title.lower(),
        title=measure.title,
        note=note,
        chart=stacked(columns, series, write=write, axis=measure.axis, least=measure.least, step=step)
        if is_there
        else None,
        series=series,
        heads=[step.title(), *(one.name for one in series), "All"],
        rows=rows,
        nothing=nothing,
    )


# What it took


def took(query: OverviewQuery, bars: ChartBars, by_bar: Mapping[int, Sums], step: str) -> ChartPanel:
    series = [ChartSeries("p95", "p95", "a"), ChartSeries("p50", "p50", "b")]
    urls = bars.urls(bars.start(*query.statuses(run_states.COMPLETED)), "-duration")
    columns, rows = [], []
    for bar, name, title, url in zip(bars.bars, bars.names, bars.titles, urls, strict=True):
        sums = by_bar.get(bar.first, Sums())
        columns.append(ChartColumn(name, title, (sums.p95, sums.p50), (url, url)))
        both = (sums.p50, sums.p95)
        rows.append(
            {
                "title": title,
                "url": url,
                "runs": "",
                "cells": [*map(formats.duration_text, both)],
                "plain": ["" if one is None else one for one in both],
            }
        )
    is_there = any(one.took for one in by_bar.values())
    return ChartPanel(
        name="took",
        title="Took",
        note="completed runs, log scale",
        chart=dotted(columns, series, write=formats.duration_text) if is_there else None,
        series=series,
        heads=[step.title(), "p50", "p95"],
        rows=rows,
        nothing=f"No run completed in {query.range.brief}.",
    )
