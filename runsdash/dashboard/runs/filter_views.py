"""Renders what comes after the run list's rows: facets, suggestions, columns. Owns where forms of a list lead."""

from functools import cache, partial
from time import monotonic

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from runsdash.accounts.guards import UserRequest, viewer_required
from runsdash.dashboard.shell.lookup import connection_named
from runsdash.index.kept_filters import in_address, keep_if_long
from runsdash.index.search.facets import facets_of
from runsdash.index.search.filter_totals import totals_of
from runsdash.index.search.subjects import RUNS, Subject
from runsdash.index.search.suggestions import suggestions
from runsdash.index.search.summed_runs import sums_within

from .columns import in_order
from .facet_menus import menus
from .query import MAX_FILTER_CHARS, ListAddress, run_list_address
from .time_menu import asked_days, without_time
from .totals_view import totals_context


@viewer_required
@require_safe
def facets(request: UserRequest) -> HttpResponse:
    """Counts runs of the filter for each value, and adds them up; `exact` counts on. An unreadable filter has none.

    Totals come first: they say all at once or little, and counts can stop anywhere.
    """
    query = run_list_address(request.GET)
    connection = connection_named(query.connection_slug) if query.connection_slug else None
    is_exact, began = "exact" in request.GET, monotonic()
    has_totals = not is_exact and not query.error
    sums = cache(partial(sums_within, query.filter))
    totals = totals_context(query, totals_of(query.filter, connection, sums=sums)) if has_totals else {}
    spent_s = monotonic() - began
    counts = None if query.error else facets_of(query.filter, connection, is_exact=is_exact, spent_s=spent_s, sums=sums)
    context = {"query": query, "facets": counts, "menus": menus(query, counts), **totals}
    return render(request, "runs/facets.html" if has_totals else "runs/_facets.html", context)


@viewer_required
@require_http_methods(["GET", "HEAD", "POST"])
def suggest(request: UserRequest) -> HttpResponse:
    """Suggests what may come next in the filter. A long one comes by POST, and nothing is changed."""
    return suggested(request, RUNS)


def suggested(request: UserRequest, subject: Subject) -> HttpResponse:
    given = request.POST if request.method == "POST" else request.GET
    typed, slug = given.get("q", "")[:MAX_FILTER_CHARS], given.get("connection", "")
    found = suggestions(typed, subject, connection_named(slug) if slug else None)
    return render(request, "runs/_suggestions.html", {"suggestions": found})


@viewer_required
@require_POST
def columns(request: UserRequest) -> HttpResponse:
    """Remembers the chosen columns for this person; none chosen, or `usual`, means the usual ones."""
    chosen = [] if "usual" in request.POST else in_order(request.POST.getlist("col"))
    request.user.list_columns = chosen
    request.user.save(update_fields=["list_columns"])
    query = run_list_address(request.GET)
    return redirect(f"{reverse('runs')}{query.url_query()}")


def other_address(request: UserRequest, query: ListAddress) -> str:
    """Returns where a form of the list leads: to a filter that was typed, or to days that were chosen; "" for none."""
    if query.error:
        return ""
    days = asked_days(request.GET, query.filter.subject.moments[0])
    if days is not None:
        return f"{reverse(query.of)}{query.filtered(without_time(query).with_clause(days))}"
    if request.method != "POST":
        return ""
    keep_if_long(query.text)
    return f"{reverse(query.of)}{query.url_query(**{'q': '', **in_address(query.text)})}"
