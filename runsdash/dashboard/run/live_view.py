"""The one poll of a run page: the parts that may have changed, or 304 when none has."""

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import viewer_required
from runsdash.dashboard.shell import poll_intervals
from runsdash.dashboard.shell.copy_age import mark_stale
from runsdash.dashboard.shell.lookup import run_of_page
from runsdash.sync.refresh import MAX_AGE_S

from .page import RunPage
from .views import shown


@viewer_required
@require_safe
def run(request: HttpRequest, *, thread_id: str, run_id: str) -> HttpResponse:
    live_age_s = poll_intervals.told_age_s(request, otherwise=MAX_AGE_S)
    run = run_of_page(request, thread_id=thread_id, run_id=run_id, live_age_s=live_age_s)
    page = RunPage(request, run)
    if request.headers.get("HX-PTag") == page.version:
        response: HttpResponse = HttpResponseNotModified()
    else:
        context = shown(request, page) if page.brings_form else {"page": page, "run": run}
        response = render(request, "run/_live.html", context)
    response["HX-PTag"] = page.version
    response["Cache-Control"] = "no-store"
    return mark_stale(response, run)
