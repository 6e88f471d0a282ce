"""Renders the line of totals above the run list: each figure a filter or an order, where that makes sense."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from time import time

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import UserRequest, viewer_required
from runsdash.dashboard.shell import formats
from runsdash.dashboard.shell.lookup import connection_named
from runsdash.dashboard.shell.page_types import Context
from runsdash.index import run_states
from runsdash.index.search.filter_totals import FilterTotals, totals_of
from runsdash.index.search.run_filter import Clause
from runsdash.index.search.walked_sums import WalkedSums
from runsdash.index.totals.histograms import runs_by_bucket
from runsdash.service.statuses import RunStatus, UnknownStatus, run_status

from .query import ListAddress, run_list_address

COUNTED = [run_status(run_states.WAITING), *(run_status(one) for one in run_states.NOT_COMPLETED)]
HALF, MOST = 0.5, 0.95
KEPT_S = 5
LEAST_RUNS = 20  # of which a percentile is said


@dataclass(frozen=True)
class FilterFigure:
    """Holds one figure: `value` stands out, `words` follow it. `address`: where it leads in the list, or ""."""

    value: str
    words: str = ""
    before: str = ""
    after: str = ""
    address: str = ""
    title: str = ""
    status: str = ""


@viewer_required
@require_safe
def totals(request: UserRequest) -> HttpResponse:
    """Adds up the filter's runs; `exact` goes on where a quick look was over. An unreadable filter has none."""
    query, is_exact = run_list_address(request.GET), "exact" in request.GET
    connection = connection_named(query.connection_slug) if query.connection_slug else None
    found = None if query.error else totals_of(query.filter, connection, is_exact=is_exact)
    return render(request, "runs/_totals.html", {"query": query, **totals_context(query, found)})


def totals_context(query: ListAddress, found: FilterTotals | None) -> Context:
    """Returns {"totals", "total", "figures", "counted_at", "is_kept"}; `is_kept`: it was counted some time ago."""
    if found is None:
        return {"totals": None, "figures": []}
    return {"totals": found, "total": found.runs, "figures": figures(query, found), **counted_when(found)}


def counted_when(found: WalkedSums) -> Context:
    return {"counted_at": datetime.fromtimestamp(found.at, UTC), "is_kept": time() - found.at > KEPT_S}


def figures(query: ListAddress, found: FilterTotals) -> list[FilterFigure]:
    more = "" if found.is_complete else "+"
    shown = [FilterFigure(f"{found.runs:,}{more}", "run" if found.runs == 1 and not more else "runs")]
    if not found.runs:
        return shown
    shown += statuses(query, found.by_status, found.runs, more)
    shown += of_usage(query, found.total_tokens, found.cost, found.unpriced_runs, more)
    return shown + of_times(query, found)


def statuses(query: ListAddress, by_status: Counter[str], total: int, more: str) -> list[FilterFigure]:
    return [of_status(query, status, by_status[status], total, more) for status in COUNTED if by_status[status]]


def of_status(
    query: ListAddress, status: RunStatus | UnknownStatus, number: int, total: int, more: str
) -> FilterFigure:
    is_all = number == total
    share = "" if is_all or more else f", {number / total:.1%}".replace("%", " %")
    words = "need an answer" if status.is_waiting else run_status(status).label.lower()
    return FilterFigure(
        f"{number:,}{more}",
        words,
        after="" if status.is_waiting else share,
        address="" if is_all else query.only("status", status.value)[0],
        status=status.value,
    )


def of_usage(query: ListAddress, tokens: int, cost: float, unpriced: int, more: str) -> list[FilterFigure]:
    """Returns tokens and cost, each where it is known."""
    shown = []
    if tokens:
        shown.append(FilterFigure(f"{formats.short_count_text(tokens)}{more}", "tokens", address=by(query, "tokens")))
    if cost or not unpriced:
        shown.append(of_cost(query, cost, unpriced, more))
    return shown


def of_cost(query: ListAddress, cost: float, unpriced: int, more: str) -> FilterFigure:
    title = f"{unpriced:,} {query.of} have a model without a known price" if unpriced else ""
    words = f"at list price{', in part' if unpriced else ''}"
    return FilterFigure(f"{formats.costs_text(cost)}{more}", words, address=by(query, "cost"), title=title)


def of_times(query: ListAddress, found: FilterTotals) -> list[FilterFigure]:
    """Returns percentiles, of enough completed runs; the higher one leads to those that took as long."""
    half, most = found.took_s(HALF), found.took_s(MOST)
    if half is None or most is None or sum(runs_by_bucket(found.took)) < LEAST_RUNS:
        return []
    mark = "" if found.is_complete else "≈ "
    slow = query.filtered(query.filter.without_name("duration").with_clause(Clause("duration", f"{most}s", ">=")))
    of = "of completed runs" if found.is_complete else "of completed runs counted so far"
    return [
        FilterFigure(f"{mark}{formats.duration_text(half)}", before="took p50", title=of),
        FilterFigure(f"{mark}{formats.duration_text(most)}", before="p95", address=slow, title=of),
    ]


def by(query: ListAddress, sort: str) -> str:
    return query.url_query(sort=f"-{sort}")
