"""Answers the tool calls a run waits for: one box a call, all sent in one request."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods

from runsdash.accounts.guards import UserRequest, operator_required
from runsdash.actions.audited_call import CHANGED_NOTHING, new_token
from runsdash.actions.outputs.answers import earlier_outputs, outputs_were_sent, schemas_of
from runsdash.actions.outputs.claims import claims_on, release
from runsdash.actions.outputs.drafts import drafts_of, inherited, names_of, save_drafts
from runsdash.actions.submit_outputs import submit_tool_approvals, submit_tool_outputs
from runsdash.audit.trail import TokenUsed, refuse_used
from runsdash.dashboard.shell.copy_age import mark_stale
from runsdash.dashboard.shell.form_answers import done, form_answer, partial, sent_before, sentence_of, status_of
from runsdash.dashboard.shell.links import run_url
from runsdash.dashboard.shell.lookup import refetched_run
from runsdash.dashboard.shell.page_types import Context
from runsdash.dashboard.shell.shell import Shell
from runsdash.index.models import Run
from runsdash.index.storage.run_reads import RunBeside
from runsdash.service import ServiceError

from .beside import beside
from .queue import Queue, queue_of
from .queue_scope import QueueScope
from .tool_outputs_form import ToolOutputsForm

# Outputs go to a copy no older than this. An open page has one; workers read a run that waits for long more rarely.
SENT_AGAINST_S = 3.0


@require_http_methods(["GET", "HEAD", "POST"])
@operator_required
def tool_outputs(request: UserRequest, thread_id: str, run_id: str) -> HttpResponse:
    """Shows the form; on POST sends every output in one request."""
    if request.method != "POST":
        run = refetched_run(request, thread_id=thread_id, run_id=run_id)
        return mark_stale(answer(request, run, None), run)
    run = refetched_run(request, thread_id=thread_id, run_id=run_id, max_age_s=SENT_AGAINST_S)
    form = empty_form(run).fill(request.POST)
    try:
        refuse_used(request.POST.get("token"))
        if not form.check():
            return refused(request, run, form, status=422)
        after = send(request, form)
    except TokenUsed as used:
        return sent_before(request, used, url=run_url(run), partials=(submitted(request, form),))
    except ServiceError as error:
        form.error = sentence_of(error)
        return refused(request, run, form, status=status_of(error))
    return accepted(request, form, after)


def send(request: UserRequest, form: ToolOutputsForm) -> Run:
    token, reason = request.POST.get("token"), request.POST.get("reason", "")
    is_streamed = request.POST.get("stream") == "true"
    if form.is_approval:
        return submit_tool_approvals(
            actor=request.user,
            run=form.run,
            approvals=form.approvals,
            token=token,
            reason=reason,
            is_streamed=is_streamed,
        )
    return submit_tool_outputs(
        actor=request.user, run=form.run, outputs=form.outputs, token=token, reason=reason, is_streamed=is_streamed
    )


def accepted(request: UserRequest, form: ToolOutputsForm, after: Run) -> HttpResponse:
    """Answers after the upstream took the outputs. A server that still waits for some took only a part."""
    left = form.still_waits(after.pending_calls) if after.waits_for else []
    release(user=request.user, run=form.run)
    if not form.is_approval:
        outputs = {call_id: text for call_id, text in form.outputs.items() if call_id not in left}
        outputs_were_sent(actor=request.user, run=form.run, outputs=outputs, names=form.names)
    if left:
        return accepted_in_part(request, form, after, left)
    count = len(form.boxes)
    text = f"{count} answer{'s' if count != 1 else ''} sent."
    if request.POST.get("do") == "next":
        return onwards(request, form.run, text=text)
    return done(
        request, url=run_url(after), text=text, partials=(submitted(request, form),), more=next_link(request, after)
    )


def onwards(request: UserRequest, run: Run, *, text: str) -> HttpResponse:
    """Leads to the next run that needs an answer; to the inbox when there is none."""
    queue = queue_for(request, run)
    messages.success(request, text if queue.following else f"{text} No other run needs an answer.")
    url = queue.next_url or queue.inbox_url
    return HttpResponse(headers={"HX-Redirect": url}) if request.htmx else HttpResponseRedirect(url)


def accepted_in_part(request: UserRequest, form: ToolOutputsForm, after: Run, left: list[str]) -> HttpResponse:
    """Shows the form again with what is left, filled in as it was typed."""
    save_drafts(user=request.user, run=after, texts={call_id: form.outputs[call_id] for call_id in left})
    count, took = len(form.boxes), len(form.boxes) - len(left)
    text = f"The upstream took {took} of {count} answers and still waits for {len(left)}. Those are kept below."
    if not took:
        text = f"{CHANGED_NOTHING}: the run still waits for all that was sent. It is kept below."
    html = render_to_string("inbox/_tool_outputs.html", form_context(request, after), request=request)
    shown = (partial("#tool-outputs", html, swap="outerHTML"),)
    return done(request, url=run_url(after), text=text, tone="warn", partials=shown)


def refused(request: UserRequest, run: Run, form: ToolOutputsForm, *, status: int) -> HttpResponse:
    """Shows the form again with all that was typed, which is a draft now."""
    if not form.is_approval and not form.fault:
        saved_at = save_drafts(user=request.user, run=run, texts=form.outputs)
        for box in form.boxes:
            box.saved_at = saved_at
    return answer(request, run, form, status=status)


def empty_form(run: Run) -> ToolOutputsForm:
    return ToolOutputsForm.for_run(run, schemas=schemas_of(set(names_of(run).values())))


def form_context(
    request: UserRequest, run: Run, form: ToolOutputsForm | None = None, *, body: RunBeside | None = None
) -> Context:
    """Returns what templates/inbox/_answering.html needs, on the run page and alone; a viewer gets no boxes."""
    may_answer = Shell(request).can_act
    if form is None:
        form = empty_form(run)
        if may_answer:
            form.recall(drafts_of(request.user, run), inherited=inherited(request.user, run))
    menus = earlier_menus(run, form) if may_answer and not form.is_approval and not form.fault else []
    return {
        "run": run,
        "form": form,
        "may_answer": may_answer,
        "token": new_token(),
        "menus": menus,
        "reason": request.POST.get("reason", ""),
        "is_streamed": request.method != "POST" or request.POST.get("stream") == "true",
        "queue": queue_for(request, run),
        "claims": [one for one in claims_on(run) if one.user_id != request.user.pk],
        "beside": beside(run, body),
        "is_opened_to_answer": "answer" in request.GET,
    }


def earlier_menus(run: Run, form: ToolOutputsForm) -> list[Context]:
    """Makes a menu for each function; boxes of the same function share it."""
    outputs = earlier_outputs(run.connection, form.names.values())
    numbers = {name: number for number, name in enumerate(outputs, start=1)}
    for box in form.boxes:
        box.menu = numbers.get(box.name, 0)
    return [{"number": numbers[name], "name": name, **offered} for name, offered in outputs.items()]


def answer(request: UserRequest, run: Run, form: ToolOutputsForm | None, *, status: int = 200) -> HttpResponse:
    return form_answer(
        request,
        page="inbox/tool_outputs.html",
        fragment="inbox/_tool_outputs.html",
        root="tool-outputs",
        context=form_context(request, run, form),
        status=status,
    )


def submitted(request: UserRequest, form: ToolOutputsForm) -> SafeString:
    """Renders the panel once its answers are on their way, with the way to the next run."""
    context = {"form": form, "queue": queue_for(request, form.run)}
    html = render_to_string("inbox/_tool_outputs_sent.html", context, request=request)
    return partial("#tool-outputs", html, swap="outerHTML")


def next_link(request: UserRequest, run: Run) -> tuple[str, str] | None:
    """Returns address and words of the next run that needs an answer."""
    queue = queue_for(request, run)
    return (queue.next_url, "Open the next one") if queue.following else None


def queue_for(request: UserRequest, run: Run) -> Queue:
    """Returns the queue that the reader walks through."""
    return queue_of(run, reader=request.user, scope=QueueScope.of_request(request))
