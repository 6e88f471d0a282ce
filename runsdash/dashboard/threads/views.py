"""The threads that are known, and adding more by their ids."""

from datetime import timedelta

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from runsdash.accounts.guards import operator_required, viewer_required
from runsdash.actions.threads import AddedThreads, add_threads, add_threads_of_file, stop_import
from runsdash.dashboard.shell.links import mark_ambiguous
from runsdash.dashboard.shell.lookup import connection_named, usable_connection
from runsdash.dashboard.shell.shell import Shell
from runsdash.dashboard.shell.uploads import UploadRefused, drop_upload, keep_upload
from runsdash.index.keeping.purge import came_back
from runsdash.index.models import Connection, Job, Thread
from runsdash.index.storage.keyset import CursorError, KeysetPage, page_of
from runsdash.sync.jobs.jobs import OPEN

from .add_form import AddThreads, read_add_threads
from .query import BY_ADDITION, AskedThreads, asked_threads

ROWS = Thread.objects.select_related("connection").defer("raw", "body", "tool_resources")
IMPORTS = ("find_threads", "add_threads")
IMPORTS_SHOWN = 5
SHOWN_FOR = timedelta(minutes=10)


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
    form = read_add_threads(request.POST, request.FILES.get("file"))
    connection = usable_connection(request)
    try:
        text = "" if form.errors else sent(request, form, connection)
    except UploadRefused as refusal:
        form.errors.append(str(refusal))
    if form.errors:
        return listed(request, asked_threads(request.GET), form=form, status=422)
    messages.success(request, text)
    asked = AskedThreads(sort=BY_ADDITION, connection_slug=request.GET.get("connection", ""))
    return HttpResponse(status=303, headers={"Location": f"{reverse('threads')}{asked.url_query()}"})


def sent(request: HttpRequest, form: AddThreads, connection: Connection) -> str:
    """Adds the threads, or leaves them to a worker when they are many; what to say of it."""
    if not form.is_large:
        return sentence(add_threads(actor=request.user, connection=connection, thread_ids=form.thread_ids), connection)
    name, size = keep_upload(form.pieces())
    try:
        add_threads_of_file(actor=request.user, connection=connection, file_name=name, size=size)
    except Exception:
        drop_upload(name)
        raise
    return f"The file is here. A worker adds its threads to {connection.slug}."


@viewer_required
@require_safe
def imports(request: HttpRequest) -> HttpResponse:
    """How far the worker is with adding threads; polled while it is at it."""
    return render(request, "threads/_imports.html", imports_context())


@operator_required
@require_POST
def stop(request: HttpRequest, job_id: int) -> HttpResponse:
    """Ends an import that somebody no longer wants."""
    job = get_object_or_404(Job, pk=job_id, kind__in=IMPORTS)
    if stop_import(actor=request.user, job=job):
        if job.file_name:
            drop_upload(job.file_name)
        messages.success(request, "The import was stopped. Threads that it has added stay.")
    else:
        messages.info(request, "The import was over already.")
    return redirect("threads")


@operator_required
@require_POST
def add_again(request: HttpRequest, thread_id: str) -> HttpResponse:
    """Adds a thread that was purged, and opens it."""
    connection = usable_connection(request)
    add_threads(actor=request.user, connection=connection, thread_ids=[thread_id])
    slug = request.POST.get("connection")
    query = f"?{urlencode({'connection': slug})}" if slug else ""
    return redirect(reverse("thread", args=[thread_id]) + query)


def imports_context() -> dict[str, object]:
    """Jobs that add threads: those under way, and what ended lately."""
    lately = Q(state__in=OPEN) | Q(ended_at__gte=timezone.now() - SHOWN_FOR)
    jobs = Job.objects.filter(lately, kind__in=IMPORTS).select_related("connection")
    found = list(jobs.order_by("-id")[:IMPORTS_SHOWN])
    return {"imports": found, "is_importing": any(job.state in OPEN for job in found)}


def listed(request: HttpRequest, asked: AskedThreads, *, form: AddThreads, status: int = 200) -> HttpResponse:
    shell, slug = Shell(request), asked.connection_slug
    connection = connection_named(slug, among=shell.connections) if slug else None
    page = found_page(asked, connection)
    if not page.rows and not asked.cursor and not asked.is_by_addition:
        asked = asked.by_addition()  # nothing has run yet
        page = found_page(asked, connection)
    mark_ambiguous(page.rows, among=shell.connections)
    context = {"asked": asked, "page": page, "form": form, "shell": shell, **imports_context()}
    return render(request, "threads/threads.html", context, status=status)


def found_page(asked: AskedThreads, connection: Connection | None) -> KeysetPage[Thread]:
    threads = Thread.objects.all() if connection is None else Thread.objects.filter(connection=connection)
    if not asked.is_by_addition:
        threads = threads.filter(last_run_at__isnull=False)
    return page_of([threads], order=asked.order, rows=ROWS, cursor=asked.cursor, limit=asked.limit)


def sentence(added: AddedThreads, connection: Connection) -> str:
    words = [f"{added.new} thread{'' if added.new == 1 else 's'} added to {connection.slug}"]
    words += [f"{added.known} known before"] if added.known else []
    words += [came_back(added.back)] if added.back else []
    return f"{', '.join(words)}."
