"""Cancels a run."""

from django.http import HttpResponse
from django.views.decorators.http import require_http_methods

from runsdash.accounts.guards import UserRequest, operator_required
from runsdash.actions.audited_call import CHANGED_NOTHING, new_token
from runsdash.actions.cancel_run import cancel_run
from runsdash.audit.trail import TokenUsed
from runsdash.dashboard.shell.form_answers import CLOSE_DIALOG, done, form_answer, sent_before, sentence_of, status_of
from runsdash.dashboard.shell.links import run_url
from runsdash.dashboard.shell.lookup import indexed_run
from runsdash.index import run_states
from runsdash.index.models import Run
from runsdash.service import ServiceError


@require_http_methods(["GET", "HEAD", "POST"])
@operator_required
def cancel(request: UserRequest, thread_id: str, run_id: str) -> HttpResponse:
    """Shows the confirmation that asks for a reason; on POST asks the upstream to cancel."""
    run = indexed_run(request, thread_id=thread_id, run_id=run_id)
    if request.method != "POST":
        return form(request, run)
    reason, token = request.POST.get("reason", ""), request.POST.get("token")
    try:
        run = cancel_run(actor=request.user, run=run, token=token, reason=reason)
    except TokenUsed as used:
        return sent_before(request, used, url=run_url(run), partials=CLOSE_DIALOG)
    except ServiceError as error:
        return form(request, run, error=sentence_of(error), status=status_of(error))
    text, tone = outcome(run)
    return done(request, url=run_url(run), text=text, tone=tone, partials=CLOSE_DIALOG)


def outcome(run: Run) -> tuple[str, str]:
    """Says by the run of the server's answer what came of a cancel: words and tone."""
    if run.status not in run_states.CANCEL_TAKEN:
        return f"{CHANGED_NOTHING}: the run is {run.facts.label.lower()}.", "warn"
    if run.facts.is_terminal:
        return "The run is cancelled.", "good"
    return "Cancelling. The page follows the run to its end.", "good"


def form(request: UserRequest, run: Run, *, error: str = "", status: int = 200) -> HttpResponse:
    context = {"run": run, "error": error, "reason": request.POST.get("reason", ""), "token": new_token()}
    return form_answer(
        request,
        page="run_actions/cancel.html",
        fragment="run_actions/_cancel.html",
        root="cancel-form",
        context=context,
        status=status,
        dialog="Cancel run",
    )
