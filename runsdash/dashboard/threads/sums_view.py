"""Renders the line of sums above the thread list: each figure a filter or an order, where that makes sense."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import UserRequest, viewer_required
from runsdash.dashboard.runs.query import ListAddress
from runsdash.dashboard.runs.totals_view import FilterFigure, by, counted_when, of_usage, statuses
from runsdash.dashboard.shell.lookup import connection_named
from runsdash.dashboard.shell.page_types import Context
from runsdash.index.search.thread_sums import ThreadSums, thread_sums

from .query import thread_list_address


@viewer_required
@require_safe
def totals(request: UserRequest) -> HttpResponse:
    """Adds up the filter's threads; `exact` goes on where a quick look was over. An unreadable filter has none."""
    query, is_exact = thread_list_address(request.GET), "exact" in request.GET
    connection = connection_named(query.connection_slug) if query.connection_slug else None
    found = None if query.error else thread_sums(query.filter, connection, is_exact=is_exact)
    return render(request, "runs/_totals.html", {"query": query, **sums_context(query, found)})


def sums_context(query: ListAddress, found: ThreadSums | None) -> Context:
    """Returns what runs/_totals.html shows of threads."""
    if found is None:
        return {"totals": None, "figures": []}
    return {"totals": found, "total": found.threads, "figures": figures(query, found), **counted_when(found)}


def figures(query: ListAddress, found: ThreadSums) -> list[FilterFigure]:
    more = "" if found.is_complete else "+"
    shown = [FilterFigure(f"{found.threads:,}{more}", "thread" if found.threads == 1 and not more else "threads")]
    if not found.runs:
        return shown
    runs = "run" if found.runs == 1 and not more else "runs"
    shown.append(FilterFigure(f"{found.runs:,}{more}", runs, address=by(query, "runs")))
    shown += statuses(query, found.by_status, found.threads, more)
    return shown + of_usage(query, found.total_tokens, found.cost, found.unpriced, more)
