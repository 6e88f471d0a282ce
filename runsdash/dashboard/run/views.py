"""Shows the run page, and answers the one poll that keeps it true."""

from django.http import HttpResponse, HttpResponseNotModified, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import UserRequest, viewer_required
from runsdash.dashboard.inbox.tool_outputs import form_context
from runsdash.dashboard.run_actions.notes import Notes
from runsdash.dashboard.shell import poll_intervals
from runsdash.dashboard.shell.copy_age import mark_stale
from runsdash.dashboard.shell.links import run_url
from runsdash.dashboard.shell.page_types import Context
from runsdash.sync.refresh import MAX_AGE_S, PAGE_WAIT_S

from .page_polling import PolledRunPage
from .polled_run import polled_run


@viewer_required
@require_safe
def show(request: UserRequest, *, thread_id: str, run_id: str) -> HttpResponse:
    """Renders the page; for htmx the chosen step with the timeline that marks it."""
    wait_s = 0 if request.htmx else PAGE_WAIT_S
    run = polled_run(request, thread_id=thread_id, run_id=run_id, wait_s=wait_s)
    if run.thread.upstream_id != thread_id:
        return HttpResponseRedirect(run_url(run, **request.GET.dict()))
    page = PolledRunPage(request, run)
    if request.htmx:
        return mark_stale(render(request, "run/_chosen.html", {"page": page, "run": run}), run)
    notes = Notes(page.run, step_id=page.step_id, are_there=run.is_noted)
    return mark_stale(render(request, "run/run.html", shown(request, page) | {"notes": notes}), run)


def shown(request: UserRequest, page: PolledRunPage) -> Context:
    """Returns the page's context, with the calls that it waits for; whoever may answer them gets their form."""
    form = form_context(request, page.run, body=page.body) if page.waiting_calls else {}
    return {**form, "page": page, "run": page.run}


@viewer_required
@require_safe
def run(request: UserRequest, *, thread_id: str, run_id: str) -> HttpResponse:
    """Answers a poll: 304 when the page shows just that, text alone when only the live output has grown."""
    live_age_s = poll_intervals.max_age_for_poll_s(request, otherwise=MAX_AGE_S)
    run = polled_run(request, thread_id=thread_id, run_id=run_id, live_age_s=live_age_s)
    page = PolledRunPage(request, run)
    if request.headers.get("HX-PTag") != page.version:
        context = shown(request, page) if page.brings_form else {"page": page, "run": run}
        response = render(request, "run/_live.html", context)
    elif page.live_panel.has_news:
        response = HttpResponse(page.live_panel.growth)
    else:
        response = HttpResponseNotModified()
    response["HX-PTag"] = page.version
    response["Cache-Control"] = "no-store"
    return mark_stale(response, run)


@viewer_required
@require_safe
def stream(request: UserRequest, *, thread_id: str, run_id: str) -> HttpResponse:
    """Answers pages of an older version, which ask here for their live output: no more of it, and no further try."""
    return HttpResponse(status=204)
