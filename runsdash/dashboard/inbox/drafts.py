"""Saves and discards what is being typed for a run's tool calls. Sends nothing to an upstream."""

from django.http import HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.views.decorators.http import require_POST

from runsdash.accounts.guards import UserRequest, operator_required
from runsdash.actions.outputs.claims import claim
from runsdash.actions.outputs.drafts import discard_drafts, save_drafts
from runsdash.dashboard.shell.form_answers import partial
from runsdash.dashboard.shell.links import run_url
from runsdash.dashboard.shell.lookup import indexed_run

from .tool_outputs import empty_form


@require_POST
@operator_required
def draft(request: UserRequest, thread_id: str, run_id: str) -> HttpResponse:
    """Saves the texts of the form, half-typed as they may be, which claims the run; `discard` throws them away."""
    run = indexed_run(request, thread_id=thread_id, run_id=run_id)
    if "discard" in request.POST:
        discard_drafts(user=request.user, run=run)
        return HttpResponse(partial("#run-unsent", "")) if request.htmx else HttpResponseRedirect(run_url(run))
    form = empty_form(run).fill(request.POST)
    claim(user=request.user, run=run)
    saved_at = None if form.fault else save_drafts(user=request.user, run=run, texts=form.outputs)
    html = render_to_string("inbox/_draft_note.html", {"saved_at": saved_at}, request=request)
    return HttpResponse(partial("#draft-note", html)) if request.htmx else HttpResponseRedirect(run_url(run))
