"""Shows functions whose outputs people type: each one's schema, templates and last outputs."""

import json

from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from runsdash.accounts.guards import UserRequest, operator_required, viewer_required
from runsdash.actions.outputs.answers import (
    KEPT_CHARS,
    MAX_TEMPLATES,
    WrittenByOthers,
    remove_template,
    save_schema,
    save_template,
    schemas_of,
)
from runsdash.actions.outputs.outputs import Draft, OutputSchema, OutputTemplate, SentOutput
from runsdash.dashboard.shell.links import address, ids_of_several, with_query
from runsdash.dashboard.shell.lookup import connection_named
from runsdash.dashboard.shell.page_types import Context
from runsdash.index.models import Connection, Run

from .output_schemas import fields_of, parsed_schema

MAX_NAMES = 500
MAX_SENT = 20


@viewer_required
@require_safe
def functions(request: UserRequest) -> HttpResponse:
    """Lists functions with a schema, a template or a recent output, and those whose outputs runs wait for now.

    `?connection=` narrows outputs and runs; schemas and templates are for every run that calls the function.
    """
    name = request.GET.get("name", "").strip()[:200]
    if name:
        return HttpResponseRedirect(address("function", name))
    return render(request, "inbox/functions.html", {"rows": rows(chosen_connection(request))})


def chosen_connection(request: UserRequest) -> Connection | None:
    slug = request.GET.get("connection", "")
    return connection_named(slug) if slug else None


def rows(connection: Connection | None) -> list[Context]:
    schemas = set(OutputSchema.objects.values_list("function_name", flat=True)[:MAX_NAMES])
    templates = list(OutputTemplate.objects.values_list("function_name", flat=True)[:MAX_NAMES])
    sent = set(sent_to(connection).values_list("function_name", flat=True).distinct()[:MAX_NAMES])
    runs = Run.objects.of(connection).waiting(timezone.now()).only("waits_for", "pending_calls")[:100]
    pending = [call for run in runs if not run.waits_for_approval for call in run.pending_calls]
    waiting = {str(call.get("name") or "") for call in pending if isinstance(call, dict)}
    names = sorted({*schemas, *templates, *sent, *waiting} - {""})
    return [
        {"name": one, "has_schema": one in schemas, "templates": templates.count(one), "waits": one in waiting}
        for one in names[:MAX_NAMES]
    ]


def sent_to(connection: Connection | None) -> QuerySet[SentOutput]:
    return SentOutput.objects.filter(**{"connection": connection} if connection else {})


def sent_lately(connection: Connection | None, name: str) -> list[tuple[SentOutput, str]]:
    """Returns the last outputs sent for a function, the newest first, each with the address of its run."""
    rows = sent_to(connection).filter(function_name=name).select_related("connection").order_by("-id")
    sent = list(rows[:MAX_SENT])
    several = ids_of_several(Run, [one.run_upstream_id for one in sent]) if sent else set()
    return [(one, go_url(one, is_ambiguous=one.run_upstream_id in several)) for one in sent]


def go_url(sent: SentOutput, *, is_ambiguous: bool) -> str:
    return with_query(reverse("go"), id=sent.run_upstream_id, connection=sent.connection.slug if is_ambiguous else "")


@require_http_methods(["GET", "HEAD", "POST"])
@viewer_required
def function(request: UserRequest, name: str) -> HttpResponse:
    """Shows all of one function; on POST saves its schema, or removes it when empty."""
    if request.method != "POST":
        schema = schemas_of([name]).get(name)
        text = "" if schema is None else json.dumps(schema, ensure_ascii=False, indent=2)
        return page(request, name, schema_text=text, template_text=drafted(request, name))
    text = request.POST.get("schema", "")
    try:
        schema = parsed_schema(text) if text.strip() else None
        save_schema(actor=request.user, function_name=name, schema=schema)
    except ValueError as error:
        return page(request, name, schema_text=text, schema_error=str(error), status=422)
    return redirect("function", name)


def drafted(request: UserRequest, name: str) -> str:
    """Returns what the reader typed for the call `?draft=` and may want to keep as a template."""
    drafts = Draft.objects.filter(user=request.user, function_name=name, call_id=request.GET.get("draft", ""))
    return drafts.order_by("-saved_at").values_list("text", flat=True).first() or ""


def page(
    request: UserRequest,
    name: str,
    *,
    status: int = 200,
    schema_text: str = "",
    schema_error: str = "",
    template_name: str = "",
    template_text: str = "",
    template_error: str = "",
) -> HttpResponse:
    schema = schemas_of([name]).get(name)
    context = {
        "name": name,
        "schema": schema,
        "fields": fields_of(schema) if schema else [],
        "templates": OutputTemplate.objects.filter(function_name=name).order_by("name"),
        "sent": sent_lately(chosen_connection(request), name),
        "schema_text": schema_text,
        "schema_error": schema_error,
        "template_name": template_name,
        "template_text": template_text,
        "template_error": template_error,
    }
    return render(request, "inbox/function.html", context, status=status)


@require_POST
@operator_required
def add_template(request: UserRequest, name: str) -> HttpResponse:
    """Saves an output under a name."""
    typed_name, text = request.POST.get("name", ""), request.POST.get("text", "")
    template_name = typed_name.strip()
    error = template_refusal(name, template_name=template_name, text=text)
    try:
        if not error:
            save_template(actor=request.user, function_name=name, name=template_name, text=text)
    except WrittenByOthers as refused:
        error = str(refused)
    if error:
        return page(request, name, template_name=typed_name, template_text=text, template_error=error, status=422)
    return redirect("function", name)


def template_refusal(function_name: str, *, template_name: str, text: str) -> str:
    """Returns a sentence, or "" when it can be saved."""
    if not template_name or len(template_name) > 80:
        return "A template needs a name of at most 80 characters."
    if not text or len(text) > KEPT_CHARS:
        return f"A template has 1 to {KEPT_CHARS:,} characters."
    others = OutputTemplate.objects.filter(function_name=function_name).exclude(name=template_name)
    return f"A function has at most {MAX_TEMPLATES} templates." if others.count() >= MAX_TEMPLATES else ""


@require_POST
@operator_required
def remove(request: UserRequest, name: str, key: int) -> HttpResponse:
    remove_template(actor=request.user, template=get_object_or_404(OutputTemplate, pk=key, function_name=name))
    return redirect("function", name)
