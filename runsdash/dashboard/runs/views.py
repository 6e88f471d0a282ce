"""Lists runs across threads: the list, its poll, the menu of a row, and the short address of a run."""

from collections.abc import Sequence

from django.http import Http404, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import trigger_client_event

from runsdash.accounts.guards import UserRequest, viewer_required
from runsdash.accounts.models import User
from runsdash.dashboard.shell import poll_intervals
from runsdash.dashboard.shell.links import mark_ambiguous, run_url
from runsdash.dashboard.shell.lookup import connection_named, connection_of
from runsdash.dashboard.shell.page_types import Context, TagPart
from runsdash.dashboard.shell.poll_tags import Poll, has_news, list_tag, rows_state, shown_keys
from runsdash.dashboard.shell.shell import Shell
from runsdash.index.models import Connection, Run
from runsdash.index.search import RunListPage, run_list_page
from runsdash.index.search.facets import facets_of
from runsdash.index.search.filter_totals import totals_of
from runsdash.index.search.listed_runs import ListedRun, ListedRuns, with_labels
from runsdash.index.storage.keyset import CursorError
from runsdash.sync.refresh import run_row

from .cells import Table, filters_of, rows_html
from .columns import COLUMNS, LABELS, are_many, columns_for
from .facet_menus import menus
from .filter_views import other_address
from .newer import PageDrawn, count_newer
from .query import DEFAULT_LIMIT, LIMITS, ListAddress, run_list_address
from .rows import with_connections
from .saved_views import MAX_VIEWS, MenuView, title_of, views_in_menu
from .time_menu import time_menu
from .totals_view import totals_context

MAX_ROWS = 100  # in one poll
ROWS = ListedRuns()


@viewer_required
@require_http_methods(["GET", "HEAD", "POST"])
def runs(request: UserRequest) -> HttpResponse:
    """Shows one page of runs; on POST leads to the address of the filter in the form.

    A filter that cannot be read is answered 400 with what was typed.
    """
    query = run_list_address(request.POST if request.method == "POST" else request.GET)
    moved = other_address(request, query)
    if moved:
        return redirect(moved)
    shell, now = Shell(request), timezone.now()
    connection = connection_of_list(query, shell)
    page: RunListPage[ListedRun] = RunListPage()
    if not query.error:
        try:
            page = found_page(query, connection, shell)
        except CursorError:
            return redirect(f"{reverse('runs')}{query.url_query()}")
    drawn = PageDrawn.of(page.rows, limit=query.limit, at=now) if query.is_first_page else None
    views = views_in_menu(request.user, query, most=MAX_VIEWS)
    table = completed(table_of(request.user, shell, query), page.rows)
    context = {
        "query": query,
        "page": page,
        "rows": rows_html(page.rows, table),
        "shell": shell,
        "views": views,
        "title": title_of(query, views),
        "time": time_menu(query),
        "table": table,
        "is_wide": are_many(table.columns),
        **filtering(request, query, connection),
    }
    context["kept_state"] = kept_state(table, views) if context["facets"] is None and not query.error else None
    context["poll"] = None if query.error else poll(shell, query, rows=page.rows, drawn=drawn, newer=0)
    return render(request, "runs/runs.html", context, status=400 if query.error else 200)


@viewer_required
@require_safe
def live(request: UserRequest) -> HttpResponse:
    """Renders rows that have changed, in place, and counts newer runs without moving a row."""
    query, shell = run_list_address(request.GET), Shell(request)
    connection = connection_of_list(query, shell)
    keys = shown_keys(request, most=MAX_ROWS)
    found = ROWS.in_bulk(keys) if keys else {}
    rows = [found[key] for key in sorted(found, reverse=True)]
    drawn = PageDrawn.read(request.GET.get("drawn", ""))
    newer = 0 if drawn is None or query.error else count_newer(query, connection, drawn)
    shown, now = request.headers.get("HX-PTag", ""), tag(shell, rows, newer)
    if shown == now:
        return HttpResponseNotModified()
    is_news = has_news(now, shown=shown)
    context: Context = {"has_news": is_news, "newer": newer, "query": query, "shell": shell}
    if is_news:
        table = completed(table_of(request.user, shell, query), rows)
        with_connections(rows, among=shell.connections)
        context["rows"] = [(run.pk, rows_html([run], table)) for run in rows]
    context["poll"] = poll(shell, query, rows=rows, drawn=drawn, newer=newer)
    response = render(request, "runs/live.html", context)
    response["HX-PTag"] = context["poll"].tag
    return trigger_client_event(response, "runs-changed") if is_news else response


@viewer_required
@require_safe
def row_menu(request: UserRequest, key: int) -> HttpResponse:
    """Shows what a list can be filtered by of one of its rows: a page of its own, or what a menu holds."""
    query, shell = run_list_address(request.GET), Shell(request)
    found = list(ROWS.in_bulk([key]).values())
    if not found:
        raise Http404("This run is not in the index any more.")
    [run] = with_connections(found, among=shell.connections)
    context = {
        "run": run,
        "query": query,
        "shell": shell,
        "filters": filters_of(run, table_of(request.user, shell, query)),
    }
    return render(request, "runs/_row_menu.html" if request.htmx else "runs/row_menu.html", context)


@viewer_required
@require_safe
def short(request: UserRequest, run_id: str) -> HttpResponse:
    """Redirects to the canonical address of a run whose thread the index knows."""
    connection = connection_of(request, (Run, run_id))
    run = run_row(connection, run_id)
    if run is None:
        raise Http404(
            f"RunsDash does not know the run {run_id}. The API finds a run only by its thread: "
            "open the thread, or put the thread's id into the search field."
        )
    mark_ambiguous([run])
    return redirect(run_url(run))


def filtering(request: UserRequest, query: ListAddress, connection: Connection | None) -> Context:
    """Returns facets and totals when the address asks for them; else they follow the rows."""
    if "facets" not in request.GET or query.error:
        return {"facets": None, "totals": None}
    facets = facets_of(query.filter, connection)
    return {
        "facets": facets,
        "menus": menus(query, facets),
        **totals_context(query, totals_of(query.filter, connection)),
    }


def table_of(reader: User, shell: Shell, query: ListAddress) -> Table:
    names_customers = any(one.customer_key for one in shell.connections)
    columns = columns_for(reader, names_customers=names_customers)
    return Table(query, columns, shell.can_act, every_column=COLUMNS, limits=LIMITS)


def kept_state(table: Table, views: Sequence[MenuView]) -> tuple[TagPart, ...]:
    """Returns what the head of the list shows beside what its address says, and under what it is kept."""
    return tuple(column.name for column in table.columns), tuple(views)


def completed(table: Table, rows: Sequence[ListedRun]) -> Table:
    """Reads what only a column that somebody chose shows."""
    if LABELS in table.columns:
        with_labels(rows)
    return table


def connection_of_list(query: ListAddress, shell: Shell) -> Connection | None:
    return connection_named(query.connection_slug, among=shell.connections) if query.connection_slug else None


def found_page(query: ListAddress, connection: Connection | None, shell: Shell) -> RunListPage[ListedRun]:
    page = run_list_page(
        query.filter, order=query.order, rows=ROWS, limit=query.limit, cursor=query.cursor, connection=connection
    )
    with_connections(page.rows, among=shell.connections)
    return page


# The poll


def poll(shell: Shell, query: ListAddress, *, rows: Sequence[ListedRun], drawn: PageDrawn | None, newer: int) -> Poll:
    """Returns where and how often the page asks next. It leaves out runs that have ended."""
    active = [run for run in rows if run.facts.is_active]
    values = {
        **query.given,
        "connection": query.connection_slug,
        "drawn": drawn.text if drawn else "",
        # Links in rows keep order and size of the page.
        "sort": query.sort_word,
        "limit": query.limit if query.limit != DEFAULT_LIMIT else "",
        "rows": ".".join(str(run.pk) for run in active),
    }
    given = urlencode({name: value for name, value in values.items() if value not in ("", None)})
    interval_s = poll_intervals.run_list_interval_s(active)
    return Poll(url=f"{reverse('runs_live')}?{given}", interval_s=interval_s, tag=tag(shell, active, newer))


def tag(shell: Shell, rows: Sequence[ListedRun], newer: int) -> str:
    return list_tag(rows_state(rows), newer, pill=shell.freshness_tag)
