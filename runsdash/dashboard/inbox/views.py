"""The inbox: runs that wait for a person, soonest expiry first, and those that were missed."""

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import viewer_required
from runsdash.dashboard.runs.rows import has_news
from runsdash.dashboard.shell import poll_intervals
from runsdash.sync.refresh import MAX_AGE_S, PAGE_WAIT_S

from .inbox import POLL_WAIT_S, TABS, Inbox


@viewer_required
@require_safe
def needs_action(request: HttpRequest) -> HttpResponse:
    """The page. What it is about to show is verified with the upstream first."""
    inbox = Inbox.asked(request)
    inbox.kept = []
    inbox.verify(wait_s=PAGE_WAIT_S, max_age_s=MAX_AGE_S)
    return render(
        request,
        "inbox/inbox.html",
        {"inbox": inbox, "shell": inbox.shell, "tabs": TABS, "poll": inbox.poll},
    )


@viewer_required
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The rows again, in the reader's order; 304 when they are what the page shows."""
    inbox = Inbox.asked(request)
    inbox.verify(wait_s=POLL_WAIT_S, max_age_s=poll_intervals.fresh_for_s(inbox.interval_s))
    inbox = Inbox.asked(request)
    shown = request.headers.get("HX-PTag", "")
    if shown == inbox.version:
        return HttpResponseNotModified()
    context = {
        "inbox": inbox,
        "shell": inbox.shell,
        "poll": inbox.poll,
        "has_news": has_news(inbox.version, shown=shown),
    }
    response = render(request, "inbox/live.html", context)
    response["HX-PTag"] = inbox.version
    return response
