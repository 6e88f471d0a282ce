"""Lists the upstreams; lets administrators add, change, test and remove them."""

import time
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from runsdash.accounts.guards import admin_required, viewer_required
from runsdash.actions.connections import InUse, add_connection, change_connection, is_in_use, remove_connection
from runsdash.dashboard.shell.form_answers import done, partial
from runsdash.dashboard.shell.lookup import connection_named
from runsdash.dashboard.shell.outage import is_failing
from runsdash.index.connections import connections as every_connection
from runsdash.index.models import Connection
from runsdash.index.storage.sealed_keys import unseal
from runsdash.service import Client, InvalidRequest, NotSupported, ServiceError
from runsdash.sync.clients import client_for
from runsdash.sync.connection_health import connection_health
from runsdash.sync.last_error import forget_lacks, last_error_of, note_failure, note_success

from .connection_trial import sealed_for, tried, typed_key

RESERVED_SLUGS = {"default": "the connection that the environment describes", "new": "an address of RunsDash"}
MAX_KEY_CHARS = 4000


class ConnectionForm(forms.ModelForm):
    """Parses a new connection; `ChangeForm` one that exists. The key is never put into a form again."""

    timeout_s = forms.FloatField(
        label="Time-out, seconds",
        help_text="For one whole operation, 1 to 120.",
        min_value=1,
        max_value=120,
        initial=30,
    )
    budget_per_min = forms.IntegerField(
        label="Requests a minute",
        help_text="The worker and the pages together stay below it.",
        min_value=1,
        max_value=100_000,
        initial=600,
    )
    api_key = forms.CharField(required=False, max_length=MAX_KEY_CHARS)

    class Meta:
        model = Connection
        fields = ["slug", "name", "kind", "base_url", "api_version", "timeout_s", "budget_per_min", "is_enabled"]
        labels = {"slug": "Short name", "name": "Name", "base_url": "Base URL", "api_version": "API version"}
        help_texts = {
            "slug": "Lower-case letters, digits and dashes. It stands in addresses and does not change.",
            "name": "Optional, for people.",
            "base_url": "Up to and including the version, for example https://host/v1.",
            "api_version": "Only where the server needs a version other than the usual one.",
        }

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = False

    def clean_slug(self) -> str:
        slug = self.cleaned_data["slug"]
        if slug in RESERVED_SLUGS:
            raise forms.ValidationError(f"“{slug}” is {RESERVED_SLUGS[slug]}. Choose another.")
        return slug

    def clean(self) -> dict[str, object]:
        values = super().clean()
        values["name"] = values.get("name") or values.get("slug") or self.instance.slug
        try:
            Client(
                values.get("base_url", ""),
                values.get("api_key", ""),
                kind=values.get("kind", ""),
                api_version=values.get("api_version") or None,
                allow_link_local=settings.RUNSDASH_API_ALLOW_LINK_LOCAL,
            )
        except InvalidRequest as error:
            field = error.param if error.param in self.fields else None
            if field not in self.errors:
                self.add_error(field, error.message)
        return values

    @property
    def new_key(self) -> str | None:
        """Returns the key as typed."""
        return self.cleaned_data["api_key"]


class ChangeForm(ConnectionForm):
    """Parses changes. The slug stays, since addresses and the audit trail use it; no key typed keeps the key."""

    remove_key = forms.BooleanField(required=False)

    class Meta(ConnectionForm.Meta):
        fields = [name for name in ConnectionForm.Meta.fields if name != "slug"]

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.held = origin(self.instance.base_url)

    def clean(self) -> dict[str, object]:
        values = super().clean()
        keeps = self.instance.sealed_key and not values.get("api_key") and not values.get("remove_key")
        if keeps and "base_url" in values and origin(values["base_url"]) != self.held:
            # Else whoever may change the address could have the key sent to a server of their own.
            self.add_error("api_key", "This is a different server. Type its key, or remove the key.")
        return values

    @property
    def new_key(self) -> str | None:
        """Returns the key as typed, "" to remove it, None to keep it."""
        return "" if self.cleaned_data["remove_key"] else self.cleaned_data["api_key"] or None


def origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()


TEST_TIMEOUT_S = 10.0
FROM_ENVIRONMENT = "This connection follows the environment of RunsDash and is changed there."


@viewer_required
@require_safe
def connections(request: HttpRequest) -> HttpResponse:
    return render(
        request, "admin/connections/connections.html", {"rows": [connection_row(one) for one in every_connection()]}
    )


@admin_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Adds a connection, after it was tried: `do` is try, save, or anyway. Without it (a script) nothing is tried."""
    if request.method != "POST":
        return render(request, "admin/connections/new.html", {"form": ConnectionForm()})
    key, do = typed_key(request.user, request.POST), request.POST.get("do", "")
    posted = request.POST.copy()
    posted["api_key"] = key
    form = ConnectionForm(posted)
    context: dict[str, object] = {"form": form, "kept_key": sealed_for(request.user, key)}
    if not form.is_valid():
        return render(request, "admin/connections/new.html", context, status=422)
    trial = tried(form.instance, api_key=key) if do in ("try", "save") else None
    if trial and (do == "try" or not trial.works):
        status = 200 if do == "try" else 422
        return render(request, "admin/connections/new.html", context | {"trial": trial}, status=status)
    connection = add_connection(actor=request.user, connection=form.instance, api_key=form.new_key)
    if trial:
        note_success(connection)
        found = ". ".join(finding.words for finding in trial.findings)
        messages.success(request, f"Connection {connection.slug} added. {found}.")
    else:
        messages.success(request, f"Connection {connection.slug} added. Test it to see whether it answers.")
    return redirect("connections")


@admin_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, slug: str) -> HttpResponse:
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
    messages.success(request, f"Connection {slug} changed.")
    return redirect("connections")


@admin_required
@require_POST
def test(request: HttpRequest, slug: str) -> HttpResponse:
    """Asks the upstream for one assistant: the cheapest question that needs the key. A failure rises.

    Operations that it was seen to lack are tried again.
    """
    connection = connection_named(slug)
    forget_lacks(connection)
    started = time.monotonic()
    try:
        timeout_s = min(TEST_TIMEOUT_S, connection.timeout_s)
        client_for(connection).with_patience(timeout=timeout_s, max_retries=0).list_assistants(limit=1)
        words = ""
    except NotSupported:
        words = " It does not list assistants."
    except ServiceError as error:
        note_failure(connection, last_error_of(error))
        raise
    note_success(connection)
    text = f"{slug} answered in {time.monotonic() - started:.2f} s.{words}"
    row = render_to_string("admin/connections/_row.html", {"one": connection_row(connection)}, request=request)
    row = partial(f"#connection-{connection.pk}", row, swap="outerMorph")
    return done(request, url=reverse("connections"), text=text, partials=(row,))


@admin_required
@require_POST
def remove(request: HttpRequest, slug: str) -> HttpResponse:
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
        error = "Threads or runs belong to it, which would lose their archive. Turn it off instead."
        return edit_page(request, connection, form, status=422, typed=typed, remove_error=error)
    messages.success(request, f"Connection {slug} removed.")
    return redirect("connections")


def edit_page(
    request: HttpRequest,
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
        "form": form,
        "in_use": is_in_use(connection),
        "typed": typed,
        "remove_error": remove_error,
    }
    return render(request, "admin/connections/edit.html", context, status=status)


def connection_row(connection: Connection) -> dict[str, object]:
    """Returns a connection as the list shows it: its health in a word, never its key."""
    has_key = bool(connection.sealed_key) or connection.is_from_environment
    is_readable = connection.is_from_environment or unseal(connection.sealed_key) is not None
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
    if is_failing(connection):
        return "bad", "st-failed", "Failing"
    return ("good", "st-completed", "Healthy") if connection.last_success_at else ("", "dot", "Not asked yet")
