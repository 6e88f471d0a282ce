"""Change a run's metadata: add, change and remove pairs. The whole map is sent, it replaces the old one."""

import json

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from runsdash.accounts.guards import operator_required
from runsdash.actions.audited_call import new_token
from runsdash.actions.runs import modify_run
from runsdash.audit.trail import TokenUsed, refuse_used
from runsdash.dashboard.shell.form_answers import done, form_answer, partial, sent_before, sentence_of, status_of
from runsdash.dashboard.shell.links import run_url
from runsdash.dashboard.shell.lookup import fresh_run, known_run
from runsdash.index.models import Run
from runsdash.service import ServiceError

from .metadata_form import MetadataPairs

CLOSE_DIALOG = (partial("#run-dialog", ""),)


@require_http_methods(["GET", "HEAD", "POST"])
@operator_required
def metadata(request: HttpRequest, thread_id: str, run_id: str) -> HttpResponse:
    """GET: the pairs as they are now. POST: sends the map, unless it has changed since the form was made."""
    if request.method != "POST":
        run = fresh_run(request, thread_id=thread_id, run_id=run_id)
        return form(request, run, MetadataPairs.from_map(run.metadata))
    typed, run = MetadataPairs.from_post(request.POST), known_run(request, thread_id=thread_id, run_id=run_id)
    try:
        refuse_used(request.POST.get("token"))
    except TokenUsed as used:
        return sent_before(request, used, url=run_url(run), partials=CLOSE_DIALOG)
    if typed.errors:
        return form(request, run, typed, error=typed.errors[0], status=422)
    run = fresh_run(request, thread_id=thread_id, run_id=run_id)
    if changed_meanwhile(request, run):
        return form(request, run, typed, conflict=dict(sorted(run.metadata.items())), status=422)
    return send(request, run, typed)


def send(request: HttpRequest, run: Run, typed: MetadataPairs) -> HttpResponse:
    try:
        run = modify_run(
            actor=request.user, run=run, metadata=typed.map,
            token=request.POST.get("token"), reason=request.POST.get("reason", ""),
        )  # fmt: skip
    except TokenUsed as used:
        return sent_before(request, used, url=run_url(run), partials=CLOSE_DIALOG)
    except ServiceError as error:
        return form(request, run, typed, error=sentence_of(error), status=status_of(error))
    kept = sorted(key for key in run.metadata if key not in typed.map)
    if kept:
        text = f"Saved, but this server keeps removed keys: {', '.join(kept)} is still there."
        return done(request, url=run_url(run), text=text, tone="warn", partials=CLOSE_DIALOG)
    return done(request, url=run_url(run), text="Metadata saved.", partials=CLOSE_DIALOG)


def changed_meanwhile(request: HttpRequest, run: Run) -> bool:
    """`seen` is the map the form was made from; without it (a script's post) there is nothing to compare."""
    seen = request.POST.get("seen")
    if not seen:
        return False
    try:
        return json.loads(seen) != run.metadata
    except ValueError:
        return True


def form(
    request: HttpRequest,
    run: Run,
    pairs: MetadataPairs,
    *,
    error: str = "",
    conflict: dict | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "run": run, "pairs": pairs, "error": error, "conflict": conflict, "token": new_token(),
        "seen": json.dumps(run.metadata), "reason": request.POST.get("reason", ""),
    }  # fmt: skip
    return form_answer(
        request, page="run_actions/metadata.html", fragment="run_actions/_metadata.html", root="metadata-form",
        context=context, status=status, dialog="Edit metadata",
    )  # fmt: skip
