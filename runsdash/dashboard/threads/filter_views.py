"""Renders what comes after the thread list's rows: counts by value, and what may come next in a filter."""

from time import monotonic

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from runsdash.accounts.guards import UserRequest, viewer_required
from runsdash.dashboard.runs.facet_menus import menus
from runsdash.dashboard.runs.filter_views import suggested
from runsdash.dashboard.shell.lookup import connection_named
from runsdash.index.search.facets import facets_of
from runsdash.index.search.subjects import THREADS
from runsdash.index.search.thread_sums import thread_sums

from .query import thread_list_address
from .sums_view import sums_context


@viewer_required
@require_safe
def facets(request: UserRequest) -> HttpResponse:
    """Counts threads of the filter for each value of their last run, and adds them up first; `exact` counts on."""
    query = thread_list_address(request.GET)
    connection = connection_named(query.connection_slug) if query.connection_slug else None
    is_exact, began = "exact" in request.GET, monotonic()
    has_sums = not is_exact and not query.error
    sums = sums_context(query, thread_sums(query.filter, connection)) if has_sums else {}
    spent_s = monotonic() - began
    counts = None if query.error else facets_of(query.filter, connection, is_exact=is_exact, spent_s=spent_s)
    context = {"query": query, "facets": counts, "menus": menus(query, counts), **sums}
    return render(request, "runs/facets.html" if has_sums else "runs/_facets.html", context)


@viewer_required
@require_http_methods(["GET", "HEAD", "POST"])
def suggest(request: UserRequest) -> HttpResponse:
    """Suggests what may come next in the filter. A long one comes by POST, and nothing is changed."""
    return suggested(request, THREADS)
