"""Lists the upstreams; lets administrators add, change, test and remove them."""

import time

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from runsdash.accounts.guards import UserRequest, admin_required, viewer_required
from runsdash.actions.connections import InUse, add_connection, change_connection, is_in_use, remove_connection
from runsdash.dashboard.shell.form_answers import done, partial
from runsdash.dashboard.shell.lookup import connection_named
from runsdash.dashboard.shell.outage import is_failing
from runsdash.dashboard.shell.page_types import Context
from runsdash.index.connections import connections as every_connection
from runsdash.index.models import Connection
from runsdash.index.storage.sealed_keys import unseal
from runsdash.service import NotFound, NotSupported, ServiceError
from runsdash.service.objects.parsing import moment
from runsdash.sync.connection_health import connection_health
from runsdash.sync.last_error import last_error_of, note_failure, note_success
from runsdash.sync.try_reads import READS, WRITES, try_reads

from .connection_forms import ChangeForm, ConnectionForm
from .connection_trial import sealed_for, tried, typed_key

FROM_ENVIRONMENT = "This connection follows the environment of RunsDash and is changed there."


@viewer_required
@require_safe
def connections(request: UserRequest) -> HttpResponse:
    return render(
        request, "admin/connections/connections.html", {"rows": [connection_row(one) for one in every_connection()]}
    )


@admin_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: UserRequest) -> HttpResponse:
    """Adds a connection, after it was tried: `do` is try, save, or anyway. Without it (a script) nothing is tried."""
    if request.method != "POST":
        return render(request, "admin/connections/new.html", {"form": ConnectionForm()})
    key, do = typed_key(request.user, request.POST), request.POST.get("do", "")
    posted = request.POST.copy()
    posted["api_key"] = key
    form = ConnectionForm(posted)
    context: Context = {"form": form, "kept_key": sealed_for(request.user, key)}
    if not form.is_valid():
        return render(request, "admin/connections/new.html", context, status=422)
    trial = tried(form.instance, api_key=key) if do in ("try", "save") and form.instance.has_upstream else None
    if trial and (do == "try" or not trial.works):
        status = 200 if do == "try" else 422
        return render(request, "admin/connections/new.html", context | {"trial": trial}, status=status)
    connection = add_connection(actor=request.user, connection=form.instance, api_key=form.new_key or "")
    if trial:
        note_success(connection)
        found = ". ".join(finding.words for finding in trial.findings)
        messages.success(request, f"Connection {connection.slug} added. {found}.")
    elif not connection.has_upstream:
        path = reverse("ingest", args=[connection.slug])
        messages.success(request, f"Connection {connection.slug} added. It has no server: send its runs to {path}.")
    else:
        messages.success(request, f"Connection {connection.slug} added. Test it to see whether it answers.")
    return redirect("connections")


@admin_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: UserRequest, slug: str) -> HttpResponse:
    """Changes a connection, or shows the one of the environment."""
    connection = connection_named(slug)
    if request.method != "POST" or connection.is_from_environment:
        if request.method == "POST":
            raise PermissionDenied(FROM_ENVIRONMENT)
        return edit_page(request, connection, ChangeForm(instance=connection))
    form = ChangeForm(request.POST, instance=connection)
    if not form.is_valid():
        return edit_page(request, connection, form, status=422)
    change_connection(actor=request.user, connection=form.instance, api_key=form.new_key)
    untested = " It was not tested since." if connection.is_asked else ""
    messages.success(request, f"Connection {slug} changed.{untested}")
    return redirect("connections")


@admin_required
@require_POST
def test(request: UserRequest, slug: str) -> HttpResponse:
    """Tries every read once and keeps what came of it, in place of what was believed. A failure of the first rises."""
    connection = connection_named(slug)
    started = time.monotonic()
    found = try_reads(connection)
    error = found["list_assistants"]
    if isinstance(error, ServiceError) and not isinstance(error, NotSupported | NotFound):
        note_failure(connection, last_error_of(error))
        raise error
    tone, text = "good", f"{slug} answered in {time.monotonic() - started:.2f} s."
    if connection.is_retired:
        tone, text = "warn", f"{slug} answered 404 to everything, so its provider is gone. Nothing is asked of it now."
    else:
        note_success(connection)
        refused = [READS[name] for name, answer in found.items() if isinstance(answer, ServiceError)]
        text += f" It does not {', '.join(refused)}." if refused else ""
    row = render_to_string("admin/connections/_row.html", {"one": connection_row(connection)}, request=request)
    row = partial(f"#connection-{connection.pk}", row, swap="outerMorph")
    return done(request, url=reverse("connections"), text=text, tone=tone, partials=(row,))


@admin_required
@require_POST
def remove(request: UserRequest, slug: str) -> HttpResponse:
    """Removes a connection that has nothing in the index; its name must be typed."""
    connection = connection_named(slug)
    if connection.is_from_environment:
        raise PermissionDenied(FROM_ENVIRONMENT)
    typed = request.POST.get("confirm", "").strip()
    form = ChangeForm(instance=connection)
    if typed != slug:
        error = f"Type {slug} to confirm."
        return edit_page(request, connection, form, status=422, typed=typed, remove_error=error)
    try:
        remove_connection(actor=request.user, connection=connection)
    except InUse:
        error = (
            "Threads or runs belong to it, which would lose their archive, or a team or rule does. Turn it off instead."
        )
        return edit_page(request, connection, form, status=422, typed=typed, remove_error=error)
    messages.success(request, f"Connection {slug} removed.")
    return redirect("connections")


def edit_page(
    request: UserRequest,
    connection: Connection,
    form: ChangeForm,
    *,
    status: int = 200,
    typed: str = "",
    remove_error: str = "",
) -> HttpResponse:
    context = {
        "slug": connection.slug,
        "one": connection_row(connection),
        "offers": offers(connection),
        "form": form,
        "in_use": is_in_use(connection),
        "typed": typed,
        "remove_error": remove_error,
    }
    return render(request, "admin/connections/edit.html", context, status=status)


def offers(connection: Connection) -> list[tuple[str, Context]]:
    """Returns every operation in words, and what is known of it: `at` is None where it was not tried."""
    known = connection.capabilities
    found = [(words, known.get(name) or {}) for name, words in {**READS, **WRITES}.items()]
    return [(words, one | {"at": moment(one.get("at"))}) for words, one in found]


def connection_row(connection: Connection) -> Context:
    """Returns a connection as the list shows it: its health in a word, never its key."""
    has_key = bool(connection.sealed_key) or connection.is_from_environment
    sealed = connection.sealed_key, connection.sealed_headers
    is_readable = connection.is_from_environment or all(unseal(one) is not None for one in sealed)
    return {
        "connection": connection,
        "health": health_of(connection),
        "has_key": has_key,
        "is_readable": is_readable,
        "state": connection_health(connection),
    }


def health_of(connection: Connection) -> tuple[str, str, str]:
    """Returns tone, icon and word."""
    if not connection.has_upstream:
        return "", "file", "No server"
    if not connection.is_enabled:
        return "", "pause", "Off"
    if connection.is_retired:
        return "", "offline", "Retired"
    if is_failing(connection):
        return "bad", "st-failed", "Failing"
    return ("good", "st-completed", "Healthy") if connection.last_success_at else ("", "dot", "Not asked yet")
