"""The threads that are known, and adding more by their ids."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from runsdash.accounts.guards import operator_required, viewer_required
from runsdash.actions.threads import Added, add_threads
from runsdash.dashboard.forms.add_threads import AddThreads, read_add_threads
from runsdash.dashboard.forms.thread_list import BY_ADDITION, AskedThreads, asked_threads
from runsdash.dashboard.links import mark_ambiguous
from runsdash.dashboard.subject import connection_named, usable_connection
from runsdash.index.keyset import CursorError, Page, page_of
from runsdash.index.models import Connection, Thread

ROWS = Thread.objects.select_related("connection").defer("raw", "tool_resources")


@viewer_required
@require_safe
def threads(request: HttpRequest) -> HttpResponse:
    """One page of threads: those with runs by their last run, or all by when they were added."""
    asked = asked_threads(request.GET)
    try:
        return listed(request, asked, form=AddThreads())
    except CursorError:
        return redirect(f"{reverse('threads')}{asked.url_query()}")


@operator_required
@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """Adds the threads whose ids are in the posted text."""
    form = read_add_threads(request.POST)
    if form.errors:
        return listed(request, asked_threads(request.GET), form=form, status=422)
    connection = usable_connection(request)
    added = add_threads(actor=request.user, connection=connection, thread_ids=form.thread_ids)
    messages.success(request, sentence(added, connection))
    asked = AskedThreads(sort=BY_ADDITION, connection_slug=request.GET.get("connection", ""))
    return HttpResponse(status=303, headers={"Location": f"{reverse('threads')}{asked.url_query()}"})


def listed(request: HttpRequest, asked: AskedThreads, *, form: AddThreads, status: int = 200) -> HttpResponse:
    connection = connection_named(asked.connection_slug) if asked.connection_slug else None
    page = found_page(asked, connection)
    if not page.rows and not asked.cursor and not asked.is_by_addition:
        asked = asked.by_addition()  # nothing has run yet
        page = found_page(asked, connection)
    mark_ambiguous(page.rows)
    return render(request, "threads/threads.html", {"asked": asked, "page": page, "form": form}, status=status)


def found_page(asked: AskedThreads, connection: Connection | None) -> Page:
    threads = Thread.objects.all() if connection is None else Thread.objects.filter(connection=connection)
    if not asked.is_by_addition:
        threads = threads.filter(last_run_at__isnull=False)
    return page_of([threads], order=asked.order, rows=ROWS, cursor=asked.cursor, limit=asked.limit)


def sentence(added: Added, connection: Connection) -> str:
    words = f"{added.new} thread{'' if added.new == 1 else 's'} added to {connection.slug}"
    return f"{words}, {added.known} known before." if added.known else f"{words}."
