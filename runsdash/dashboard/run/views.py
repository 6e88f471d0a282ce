"""The run page: one run with its timeline, conversation, raw object and audit trail."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import viewer_required
from runsdash.dashboard.inbox.tool_outputs_view import form_context
from runsdash.dashboard.shell.copy_age import mark_stale
from runsdash.dashboard.shell.links import run_url
from runsdash.dashboard.shell.lookup import run_of_page
from runsdash.dashboard.shell.shell import Shell
from runsdash.sync.refresh import PAGE_WAIT_S

from .page import RunPage


@viewer_required
@require_safe
def show(request: HttpRequest, *, thread_id: str, run_id: str) -> HttpResponse:
    """The page; for htmx the chosen step with the timeline that marks it."""
    wait_s = 0 if request.htmx else PAGE_WAIT_S
    run = run_of_page(request, thread_id=thread_id, run_id=run_id, wait_s=wait_s)
    if run.thread.upstream_id != thread_id:
        return HttpResponseRedirect(run_url(run, **request.GET.dict()))
    page = RunPage(request, run)
    if request.htmx:
        return mark_stale(render(request, "run/_chosen.html", {"page": page, "run": run}), run)
    return mark_stale(render(request, "run/run.html", shown(request, page)), run)


def shown(request: HttpRequest, page: RunPage) -> dict[str, object]:
    """The page's context; with the form for its calls when the run waits and the reader may answer."""
    form = form_context(request, page.run) if page.waiting_calls and Shell(request).can_act else {}
    return {**form, "page": page, "run": page.run}
