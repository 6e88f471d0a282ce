"""Charts runs that ended badly by cause, and says what a cause is.

Codes are told apart whatever the status; runs without one by their status. So each mark, and the others together, has
an exact filter.
"""

from collections.abc import Mapping

from runsdash.dashboard.shell import formats
from runsdash.index import run_states
from runsdash.index.search.run_filter import Clause
from runsdash.service.statuses import run_status

from .chart_parts import ChartBars, ChartPanel, columns_of, summed
from .charts import MAX_SERIES, OTHER, Cause, ChartSeries, stacked
from .query import OverviewQuery

CAUSES = ("g", "e", "f", "i", "b", "h", "a", "j")  # classes of causes, the most frequent in red
NEVER_ANSWERED = "never answered"


def cause_clauses(query: OverviewQuery, status: str, code: str) -> tuple[Clause, ...]:
    """Returns the clauses of a cause: of its code, or of its status where there is no code."""
    if code:
        return (*query.statuses(*run_states.NOT_COMPLETED), Clause("error", code))
    return (*query.statuses(status), Clause("has", "error", is_negated=True))


def cause_name(status: str, code: str) -> str:
    if code:
        return code
    return NEVER_ANSWERED if status == run_states.EXPIRED else f"{run_status(status).label}, no reason given"


def causes_of_bars(bars: Mapping[tuple[int, str, str], int]) -> dict[tuple[int, Cause], float]:
    """Counts what ended badly by bar and cause."""
    found: dict[tuple[int, Cause], float] = {}
    for (bar, status, code), runs in bars.items():
        if status in run_states.NOT_COMPLETED:
            key = (bar, ("", code) if code else (status, ""))
            found[key] = found.get(key, 0) + runs
    return found


def failures(
    query: OverviewQuery, bars: ChartBars, by_cause: Mapping[tuple[int, str, str], int], step: str
) -> ChartPanel:
    values = causes_of_bars(by_cause)
    totals = summed(values)
    plain = [key for key in totals if key[0]]  # told apart always, so that the others can be linked to
    coded = sorted((key for key in totals if not key[0]), key=lambda key: (-totals[key], key))[
        : MAX_SERIES - len(plain)
    ]
    keys = sorted([*plain, *coded], key=lambda key: (-totals[key], key))
    series = [ChartSeries(key, cause_name(*key), CAUSES[place]) for place, key in enumerate(keys)]
    starts = [bars.start(*cause_clauses(query, *key)) for key in keys]
    if len(totals) > len(keys):
        series.append(ChartSeries(None, "other", OTHER))
        others = [Clause("error", key[1], is_negated=True) for key in keys if key[1]]
        is_clear = not query.filter.values("has")  # two of them would mean "or"
        asked = (*query.statuses(*run_states.NOT_COMPLETED), Clause("has", "error"), *others)
        starts.append(bars.start(*asked) if is_clear else "")
    runs: dict[int, int] = {}
    for (first, _, _), count in by_cause.items():
        runs[first] = runs.get(first, 0) + count
    columns = columns_of(bars, series, values, starts)
    urls = bars.urls(bars.start(*query.statuses(*run_states.NOT_COMPLETED)))
    rows = []
    for bar, column, url in zip(bars.bars, columns, urls, strict=True):
        bad, all_runs = sum(int(one or 0) for one in column.values), runs.get(bar.first, 0)
        cells = [*(f"{int(one or 0):,}" for one in column.values), f"{bad:,}", rate_text(bad, all_runs)]
        plain_cells = [*(int(one or 0) for one in column.values), bad, f"{bad / all_runs:.4f}" if all_runs else ""]
        rows.append({"title": column.title, "url": url, "runs": bad, "cells": cells, "plain": plain_cells})
    bad, count = int(sum(totals.values())), sum(runs.values())
    return ChartPanel(
        name="failures",
        title="Ended badly",
        note=f"{bad:,} of {count:,} runs, by {step} and cause",
        chart=stacked(columns, series, write=whole, least=1, step=step) if bad else None,
        series=series,
        heads=[step.title(), *(one.name for one in series), "All", "Of all runs"],
        rows=rows,
        nothing=f"Nothing failed, expired or ended early in {query.range.brief}.",
    )


def rate_text(part: int, whole_: int) -> str:
    return f"{100 * part / whole_:.1f} %" if whole_ else formats.UNKNOWN


def whole(value: float) -> str:
    return f"{value:,.0f}"
