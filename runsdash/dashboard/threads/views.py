"""Lists the threads that are known, and adds more by their ids."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Q, QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from runsdash.accounts.guards import UserRequest, operator_required, viewer_required
from runsdash.actions.threads import AddedThreads, add_threads, add_threads_of_file, stop_import
from runsdash.dashboard.runs.facet_menus import menus
from runsdash.dashboard.runs.filter_views import other_address
from runsdash.dashboard.runs.query import ListAddress
from runsdash.dashboard.runs.saved_views import MAX_VIEWS, title_of, views_in_menu
from runsdash.dashboard.runs.time_menu import time_menu
from runsdash.dashboard.shell.lookup import NoConnection, connection_named, usable_connection
from runsdash.dashboard.shell.page_types import Context
from runsdash.dashboard.shell.shell import Shell
from runsdash.dashboard.shell.uploads import MAX_UPLOAD_BYTES, UploadRefused, keep_upload
from runsdash.index.ids import MAX_TEXT_CHARS, found_ids
from runsdash.index.importing.files import GZIP, is_utf_16
from runsdash.index.importing.merge_threads import thread_ids
from runsdash.index.keeping.purge import came_back
from runsdash.index.models import Connection, Job, Thread
from runsdash.index.search import RunListPage, run_list_page
from runsdash.index.search.facets import facets_of
from runsdash.index.search.thread_sums import thread_sums
from runsdash.index.storage.keyset import CursorError
from runsdash.prepared import Prepared
from runsdash.sync.jobs.job_files import OPEN, delete_file

from .cells import ThreadTable, rows_html
from .query import BY_ADDITION, thread_list_address
from .rows import ROWS, rows_of
from .sums_view import sums_context

FIELD = "ids"
KEPT_IDS, KEPT_CHARS = (
    "typed_thread_ids",
    100_000,
)  # in the session, of whoever typed them before there was a connection
IDS_AT_ONCE = 500  # more are left to a worker
SMALL_BYTES = 64 * 1024  # a smaller file is read like pasted text


@dataclass
class AddThreads:
    """Holds what was posted: `text` as typed, `thread_ids` found in it; `errors` are sentences."""

    text: str = ""
    connection_slug: str = ""
    thread_ids: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    file: "UploadedFile[bytes] | None" = None

    @property
    def is_large(self) -> bool:
        """Tells whether this is for a worker."""
        return self.file is not None or len(self.thread_ids) > IDS_AT_ONCE

    @property
    def typed(self) -> bytes:
        """Returns the text as lines of a file."""
        return f"\n{self.text}\n".encode("utf-8", "replace") if self.text.strip() else b""


def read_add_threads(posted: QueryDict, file: "UploadedFile[bytes] | None" = None) -> AddThreads:
    form = AddThreads(text=posted.get(FIELD, ""), connection_slug=posted.get("connection", ""))
    if len(form.text) > MAX_TEXT_CHARS:
        form.errors.append(f"The text is longer than {MAX_TEXT_CHARS:,} characters. Send it as a file.")
        return form
    if file is not None and (file.size or 0) > MAX_UPLOAD_BYTES:
        form.errors.append(f"The file is larger than {MAX_UPLOAD_BYTES >> 20} MB. Send it in parts, or packed by gzip.")
        return form
    text = form.text + small_text(file)
    form.file = file if file is not None and text == form.text and file.size else None
    lines = text.encode("utf-8", "replace").splitlines()
    form.thread_ids = list(dict.fromkeys(one for line in lines for one in thread_ids(line)))
    if not form.thread_ids and form.file is None:
        form.errors.append(nothing_found(text, kinds={one.kind for one in found_ids(text)}))
    return form


def small_text(file: "UploadedFile[bytes] | None") -> str:
    """Returns the text of a small file; "" when a worker has to read it."""
    if file is None or (file.size or 0) > SMALL_BYTES:
        return ""
    content = file.read()
    file.seek(0)
    return "" if content.startswith(GZIP) or is_utf_16(content) else "\n" + content.decode("utf-8", "replace")


def nothing_found(text: str, *, kinds: set[str]) -> str:
    if not text.strip():
        return "Paste one thread id a line, or any text that contains thread ids, or choose a file."
    if kinds:
        names = " and ".join(sorted(kinds))
        return f"There are only {names} ids in this text. The API finds them by their thread, so a thread id is needed."
    return "There is no thread id in this text."


IMPORTS = ("find_threads", "add_threads")
IMPORTS_SHOWN = 5
SHOWN_FOR = timedelta(minutes=10)


def recent_imports(ended_since: datetime) -> QuerySet[Job]:
    lately = Q(state__in=OPEN) | Q(ended_at__gte=ended_since)
    return Job.objects.filter(lately, kind__in=IMPORTS).select_related("connection").order_by("-id")[:IMPORTS_SHOWN]


RECENT = Prepared(recent_imports, datetime)


@viewer_required
@require_http_methods(["GET", "HEAD", "POST"])
def threads(request: UserRequest) -> HttpResponse:
    """Shows a page of the threads that a filter finds; on POST leads to the address of the filter.

    A filter that cannot be read is answered 400 with what was typed.
    """
    query = thread_list_address(request.POST if request.method == "POST" else request.GET)
    moved = other_address(request, query)
    if moved:
        return redirect(moved)
    try:
        form = AddThreads(text=request.session.get(KEPT_IDS, ""))
        return listed(request, query, form=form, status=400 if query.error else 200)
    except CursorError:
        return redirect(f"{reverse('threads')}{query.url_query()}")


@operator_required
@require_POST
def add(request: UserRequest) -> HttpResponse:
    """Adds the threads whose ids are in the posted text."""
    form = read_add_threads(request.POST, request.FILES.get("file"))
    try:
        text = "" if form.errors else sent(request, form, usable_connection(request))
    except UploadRefused as refusal:
        form.errors.append(str(refusal))
    except NoConnection:
        request.session[KEPT_IDS] = form.text[:KEPT_CHARS]
        form.errors.append(
            "There is no connection yet, so nothing was added. What you typed is kept until there is one."
        )
    if form.errors:
        return listed(request, thread_list_address(request.GET), form=form, status=422)
    request.session.pop(KEPT_IDS, None)
    messages.success(request, text)
    query = thread_list_address(QueryDict(urlencode({"connection": request.GET.get("connection", "")})))
    return HttpResponse(status=303, headers={"Location": f"{reverse('threads')}{query.url_query(sort=BY_ADDITION)}"})


def sent(request: UserRequest, form: AddThreads, connection: Connection) -> str:
    """Adds the threads, or leaves them to a worker when they are many; returns what to say of it."""
    if not form.is_large:
        return sentence(add_threads(actor=request.user, connection=connection, thread_ids=form.thread_ids), connection)
    name, size = keep_upload(form.file.chunks() if form.file else [], typed=form.typed)
    try:
        add_threads_of_file(actor=request.user, connection=connection, file_name=name, size=size)
    except Exception:
        delete_file(name)
        raise
    return f"The file is here. A worker adds its threads to {connection.slug}."


@viewer_required
@require_safe
def imports(request: UserRequest) -> HttpResponse:
    """Shows how far the worker is with adding threads; polled while it is at it."""
    return render(request, "threads/_imports.html", imports_context())


@operator_required
@require_POST
def stop(request: UserRequest, job_id: int) -> HttpResponse:
    """Ends an import that somebody no longer wants."""
    job = get_object_or_404(Job, pk=job_id, kind__in=IMPORTS)
    if stop_import(actor=request.user, job=job):
        messages.success(request, "The import was stopped. Threads that it has added stay.")
    else:
        messages.info(request, "The import was over already.")
    return redirect("threads")


@operator_required
@require_POST
def add_again(request: UserRequest, thread_id: str) -> HttpResponse:
    """Adds a thread that was purged, and opens it."""
    connection = usable_connection(request)
    add_threads(actor=request.user, connection=connection, thread_ids=[thread_id])
    slug = request.POST.get("connection")
    query = f"?{urlencode({'connection': slug})}" if slug else ""
    return redirect(reverse("thread", args=[thread_id]) + query)


def imports_context() -> Context:
    """Returns jobs that add threads: those under way, and what ended lately."""
    recent = RECENT.rows(timezone.now() - SHOWN_FOR)
    return {"imports": recent, "is_importing": any(job.state in OPEN for job in recent)}


def listed(request: UserRequest, query: ListAddress, *, form: AddThreads, status: int = 200) -> HttpResponse:
    shell, slug = Shell(request), query.connection_slug
    connection = connection_named(slug, among=shell.connections) if slug else None
    page: RunListPage[Thread] = RunListPage()
    if not query.error:
        page = run_list_page(
            query.filter, order=query.order, rows=ROWS, limit=query.limit, cursor=query.cursor, connection=connection
        )
    rows = rows_of(page.rows, among=shell.connections)
    is_counted = "facets" in request.GET and not query.error
    counts = facets_of(query.filter, connection) if is_counted else None
    sums = thread_sums(query.filter, connection) if is_counted else None
    views = views_in_menu(request.user, query, most=MAX_VIEWS)
    table = ThreadTable(query, names_customers=any(one.customer_key for one in shell.connections))
    context = {
        "query": query, "page": page, "form": form, "shell": shell, "facets": counts, "menus": menus(query, counts),
        "time": time_menu(query), "views": views, "title": title_of(query, views),
        "rows": rows_html(rows, table), "names_customers": table.names_customers,
        **sums_context(query, sums), **imports_context(),
    }  # fmt: skip
    return render(request, "threads/threads.html", context, status=status)


def sentence(added: AddedThreads, connection: Connection) -> str:
    words = [f"{added.new} thread{'' if added.new == 1 else 's'} added to {connection.slug}"]
    words += [f"{added.known} known before"] if added.known else []
    words += [came_back(added.back)] if added.back else []
    return f"{', '.join(words)}."
