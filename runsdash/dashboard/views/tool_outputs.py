"""Answer the tool calls a run waits for: one box a call, all sent in one request."""

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_http_methods

from runsdash.accounts.guards import operator_required
from runsdash.actions.attempts import new_token
from runsdash.actions.runs import submit_tool_approvals, submit_tool_outputs
from runsdash.audit.trail import TokenUsed, refuse_used
from runsdash.dashboard.forms.tool_outputs import ToolOutputsForm
from runsdash.dashboard.links import run_url
from runsdash.dashboard.subject import fresh_run, known_run
from runsdash.dashboard.writes import done, form_answer, partial, sent_before, sentence_of, status_of
from runsdash.index.models import Run
from runsdash.service import ServiceError


@require_http_methods(["GET", "HEAD", "POST"])
@operator_required
def tool_outputs(request: HttpRequest, thread_id: str, run_id: str) -> HttpResponse:
    """GET: the form. POST: sends every output in one request."""
    if request.method != "POST":
        run = fresh_run(request, thread_id=thread_id, run_id=run_id)
        return answer(request, ToolOutputsForm.for_run(run))
    run = known_run(request, thread_id=thread_id, run_id=run_id)
    form = ToolOutputsForm.for_run(run).fill(request.POST)
    try:
        refuse_used(request.POST.get("token"))
        if not form.check():
            return answer(request, form, status=422)
        run = sent(request, form)
    except TokenUsed as used:
        return sent_before(request, used, url=run_url(run), partials=(submitted(request, form),))
    except ServiceError as error:
        form.error = sentence_of(error)
        return answer(request, form, status=status_of(error))
    count = len(form.boxes)
    text = f"{count} output{'s' if count != 1 else ''} sent."
    return done(request, url=run_url(run), text=text, partials=(submitted(request, form),))


def sent(request: HttpRequest, form: ToolOutputsForm) -> Run:
    once = {"token": request.POST.get("token"), "reason": request.POST.get("reason", "")}
    if form.is_approval:
        return submit_tool_approvals(actor=request.user, run=form.run, approvals=form.approvals, **once)
    return submit_tool_outputs(actor=request.user, run=form.run, outputs=form.outputs, **once)


def form_context(request: HttpRequest, run: Run, form: ToolOutputsForm | None = None) -> dict[str, object]:
    """What templates/actions/_tool_outputs.html needs; for the run page and for the form alone."""
    form = form or ToolOutputsForm.for_run(run)
    return {"run": run, "form": form, "token": new_token(), "reason": request.POST.get("reason", "")}


def answer(request: HttpRequest, form: ToolOutputsForm, *, status: int = 200) -> HttpResponse:
    return form_answer(
        request, page="actions/tool_outputs.html", fragment="actions/_tool_outputs.html", root="tool-outputs",
        context=form_context(request, form.run, form), status=status,
    )  # fmt: skip


def submitted(request: HttpRequest, form: ToolOutputsForm) -> str:
    """The panel once its outputs are on their way."""
    html = render_to_string("actions/_tool_outputs_sent.html", {"form": form}, request=request)
    return partial("#tool-outputs", html, swap="outerHTML")
