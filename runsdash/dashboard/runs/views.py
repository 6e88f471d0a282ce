"""Lists runs across threads: the list, its poll, and the short address of a run."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import trigger_client_event

from runsdash.accounts.guards import viewer_required
from runsdash.dashboard.shell import poll_intervals
from runsdash.dashboard.shell.links import mark_ambiguous, run_url
from runsdash.dashboard.shell.lookup import connection_named, connection_of
from runsdash.dashboard.shell.poll_tags import Poll, has_news, list_tag, rows_state
from runsdash.dashboard.shell.shell import Shell
from runsdash.index.kept_filters import in_address, keep_if_long
from runsdash.index.models import Connection, Run
from runsdash.index.search import RunListPage, run_list_page
from runsdash.index.search.facets import facets_of
from runsdash.index.storage.keyset import CursorError
from runsdash.sync.refresh import run_row

from .columns import COLUMNS, columns_for
from .facet_menus import around_rows
from .newer import PageDrawn, count_newer
from .query import DEFAULT_LIMIT, LIMITS, RunListQuery, run_list_query
from .rows import ROWS, complete_rows
from .saved_views import seen_by

MAX_ROWS = 100  # in one poll
MAX_VIEWS = 30  # in the menu; all are on their own page


@viewer_required
@require_http_methods(["GET", "HEAD", "POST"])
def runs(request: HttpRequest) -> HttpResponse:
    """Shows one page of runs; on POST leads to the address of the filter in the form.

    A filter that cannot be read is answered 400 with what was typed.
    """
    query = run_list_query(request.POST if request.method == "POST" else request.GET)
    if request.method == "POST" and not query.error:
        keep_if_long(query.text)
        return redirect(f"{reverse('runs')}{query.url_query(**{'q': '', **in_address(query.text)})}")
    shell, now = Shell(request), timezone.now()
    connection = connection_of_list(query, shell)
    page = RunListPage()
    if not query.error:
        try:
            page = found_page(query, connection, shell)
        except CursorError:
            return redirect(f"{reverse('runs')}{query.url_query()}")
    drawn = PageDrawn.of(page.rows, limit=query.limit, at=now) if query.is_first_page else None
    context = {
        "query": query,
        "page": page,
        "shell": shell,
        "limits": LIMITS,
        **filtering(request, query, connection),
        **table(request),
    }
    context["poll"] = None if query.error else poll(shell, query, rows=page.rows, drawn=drawn, newer=0)
    return render(request, "runs/runs.html", context, status=400 if query.error else 200)


@viewer_required
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Renders rows that have changed, in place, and counts newer runs without moving a row."""
    query, shell = run_list_query(request.GET), Shell(request)
    connection = connection_of_list(query, shell)
    keys = [int(key) for key in request.GET.get("rows", "").split(".") if key.isdecimal() and len(key) < 20]
    rows = list(ROWS.filter(pk__in=keys[:MAX_ROWS]).order_by("-pk"))
    drawn = PageDrawn.read(request.GET.get("drawn", ""))
    newer = 0 if drawn is None or query.error else count_newer(query, connection, drawn)
    shown, now = request.headers.get("HX-PTag", ""), tag(shell, rows, newer)
    if shown == now:
        return HttpResponseNotModified()
    is_news = has_news(now, shown=shown)
    context = {"has_news": is_news, "newer": newer, "query": query, "shell": shell, **table(request)}
    if is_news:
        context["rows"] = complete_rows(rows, among=shell.connections)
    context["poll"] = poll(shell, query, rows=rows, drawn=drawn, newer=newer)
    response = render(request, "runs/live.html", context)
    response["HX-PTag"] = context["poll"].tag
    return trigger_client_event(response, "runs-changed") if is_news else response


@viewer_required
@require_safe
def short(request: HttpRequest, run_id: str) -> HttpResponse:
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


def filtering(request: HttpRequest, query: RunListQuery, connection: Connection | None) -> dict[str, object]:
    """Returns chips, saved views, and facets when the address asks for them: else they follow the rows."""
    facets = facets_of(query.filter, connection) if "facets" in request.GET and not query.error else None
    return around_rows(query, facets) | {"saved_views": list(seen_by(request.user)[:MAX_VIEWS])}


def table(request: HttpRequest) -> dict[str, object]:
    return {"columns": columns_for(request.user), "all_columns": COLUMNS}


def connection_of_list(query: RunListQuery, shell: Shell) -> Connection | None:
    return connection_named(query.connection_slug, among=shell.connections) if query.connection_slug else None


def found_page(query: RunListQuery, connection: Connection | None, shell: Shell) -> RunListPage:
    page = run_list_page(
        query.filter, order=query.order, rows=ROWS, limit=query.limit, cursor=query.cursor, connection=connection
    )
    complete_rows(page.rows, among=shell.connections)
    return page


# The poll


def poll(shell: Shell, query: RunListQuery, *, rows: list[Run], drawn: PageDrawn | None, newer: int) -> Poll:
    """Returns where and how often the page asks next. It leaves out runs that have ended."""
    active = [run for run in rows if run.facts.is_active]
    values = {
        **query.given,
        "connection": query.connection_slug,
        "drawn": drawn and drawn.text,
        # Links in rows keep order and size of the page.
        "sort": query.sort_word,
        "limit": query.limit if query.limit != DEFAULT_LIMIT else "",
        "rows": ".".join(str(run.pk) for run in active),
    }
    given = urlencode({name: value for name, value in values.items() if value not in ("", None)})
    interval_s = poll_intervals.run_list_interval_s(active)
    return Poll(url=f"{reverse('runs_live')}?{given}", interval_s=interval_s, tag=tag(shell, active, newer))


def tag(shell: Shell, rows: list[Run], newer: int) -> str:
    return list_tag(rows_state(rows), newer, pill=shell.freshness_tag)
