"""Runs across threads: the list, its poll, and the short address of a run."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe
from django_htmx.http import trigger_client_event

from runsdash.accounts.guards import viewer_required
from runsdash.dashboard.shell.links import mark_ambiguous, run_url
from runsdash.dashboard.shell.lookup import connection_named, connection_of
from runsdash.dashboard.shell.shell import Shell
from runsdash.index.models import Connection, Run
from runsdash.index.search import RunListPage, TimeBudget, ids_of, run_list_page
from runsdash.index.search.facets import facets_of
from runsdash.index.storage.keyset import CursorError

from .columns import COLUMNS, columns_for
from .facet_menus import around_rows
from .query import DEFAULT_LIMIT, LIMITS, AskedRuns, asked_runs
from .rows import ROWS, dress, has_news, list_tag, rows_state
from .saved_views import seen_by

MAX_ROWS = 100  # in one poll
MAX_NEWER = 99  # counted no further
MAX_VIEWS = 30  # in the menu; all are on their own page
NEWER = TimeBudget(walk_s=0.1, statement_s=0.3)  # of looking for newer runs in a poll
BUSY_POLL_S, CALM_POLL_S = 5, 10


@viewer_required
@require_safe
def runs(request: HttpRequest) -> HttpResponse:
    """One page of runs. A filter that cannot be read is answered 400 with what was typed."""
    asked, shell = asked_runs(request.GET), Shell(request)
    connection = connection_of_list(asked, shell)
    page = RunListPage()
    if not asked.error:
        try:
            page = found_page(asked, connection, shell)
        except CursorError:
            return redirect(f"{reverse('runs')}{asked.url_query()}")
    newest = next((run.pk for run in page.rows), 0) if asked.is_first_page else None
    context = {
        "asked": asked,
        "page": page,
        "shell": shell,
        "limits": LIMITS,
        **filtering(request, asked, connection),
        **table(request),
    }
    context["poll"] = None if asked.error else poll(shell, asked, rows=page.rows, newest=newest, newer=0)
    return render(request, "runs/runs.html", context, status=400 if asked.error else 200)


@viewer_required
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Rows that have changed, in place; how many newer runs there are, without moving a row."""
    asked, shell = asked_runs(request.GET), Shell(request)
    connection = connection_of_list(asked, shell)
    keys = [int(key) for key in request.GET.get("rows", "").split(".") if key.isdecimal() and len(key) < 20]
    rows = list(ROWS.filter(pk__in=keys[:MAX_ROWS]).order_by("-pk"))
    newest = request.GET.get("newest", "")
    newest = int(newest) if newest.isdecimal() and len(newest) < 20 else None
    newer = count_newer(asked, connection, newest)
    shown, now = request.headers.get("HX-PTag", ""), tag(shell, rows, newer)
    if shown == now:
        return HttpResponseNotModified()
    is_news = has_news(now, shown=shown)
    context = {"has_news": is_news, "newer": newer, "asked": asked, "shell": shell, **table(request)}
    if is_news:
        context["rows"] = dress(rows, among=shell.connections)
    context["poll"] = poll(shell, asked, rows=rows, newest=newest, newer=newer)
    response = render(request, "runs/live.html", context)
    response["HX-PTag"] = context["poll"]["tag"]
    return trigger_client_event(response, "runs-changed") if is_news else response


@viewer_required
@require_safe
def short(request: HttpRequest, run_id: str) -> HttpResponse:
    """The canonical address of a run whose thread is known from the index."""
    connection = connection_of(request, (Run, run_id))
    found = Run.objects.select_related("thread", "connection").filter(connection=connection, upstream_id=run_id)
    run = found.first()
    if run is None:
        raise Http404(
            f"RunsDash does not know the run {run_id}. The API finds a run only by its thread: "
            "open the thread, or put the thread's id into the search field."
        )
    mark_ambiguous([run])
    return redirect(run_url(run))


def filtering(request: HttpRequest, asked: AskedRuns, connection: Connection | None) -> dict[str, object]:
    """Chips, facets when the address asks for them (they come after the rows otherwise), and saved views."""
    facets = facets_of(asked.filter, connection) if "facets" in request.GET and not asked.error else None
    return around_rows(asked, facets) | {"saved_views": list(seen_by(request.user)[:MAX_VIEWS])}


def table(request: HttpRequest) -> dict[str, object]:
    return {"columns": columns_for(request.user), "all_columns": COLUMNS}


def connection_of_list(asked: AskedRuns, shell: Shell) -> Connection | None:
    return connection_named(asked.connection_slug, among=shell.connections) if asked.connection_slug else None


def found_page(asked: AskedRuns, connection: Connection | None, shell: Shell) -> RunListPage:
    page = run_list_page(
        asked.filter, order=asked.order, rows=ROWS, limit=asked.limit, cursor=asked.cursor, connection=connection
    )
    dress(page.rows, among=shell.connections)
    return page


def count_newer(asked: AskedRuns, connection: Connection | None, newest: int | None) -> int:
    """At most MAX_NEWER + 1."""
    if newest is None or asked.error:
        return 0
    found, _ = ids_of(asked.filter, connection=connection, count=MAX_NEWER + 1, above=newest, budget=NEWER)
    return len(found)


# The poll


def poll(shell: Shell, asked: AskedRuns, *, rows: list[Run], newest: int | None, newer: int) -> dict[str, object]:
    """Where and how often the page asks next. Runs that have ended are not asked for again."""
    active = [run for run in rows if run.facts.is_active]
    query = {"q": asked.text, "connection": asked.connection_slug, "newest": newest}
    # Links in rows keep order and size of the page.
    query |= {"sort": asked.sort_word, "limit": asked.limit if asked.limit != DEFAULT_LIMIT else ""}
    query["rows"] = ".".join(str(run.pk) for run in active)
    given = urlencode({name: value for name, value in query.items() if value not in ("", None)})
    return {
        "url": f"{reverse('runs_live')}?{given}",
        "interval_s": BUSY_POLL_S if active else CALM_POLL_S,
        "tag": tag(shell, active, newer),
    }


def tag(shell: Shell, rows: list[Run], newer: int) -> str:
    return list_tag(rows_state(rows), newer, pill=shell.freshness_tag)
