"""Shows the inbox: runs that wait for a person, soonest expiry first, and those that were missed."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import UserRequest, viewer_required
from runsdash.dashboard.shell.page_types import Context
from runsdash.dashboard.shell.poll_tags import has_news, poll_answer
from runsdash.sync.refresh import PAGE_WAIT_S

from .inbox import POLL_WAIT_S, Inbox
from .narrowings import Narrowings


@viewer_required
@require_safe
def needs_action(request: UserRequest) -> HttpResponse:
    """Renders the page, after verifying with the upstream what it is about to show."""
    inbox = Inbox.of_page(request)
    if inbox.verify(wait_s=PAGE_WAIT_S):
        inbox = Inbox.of_page(request)
    return render(request, "inbox/inbox.html", context_of(inbox))


@viewer_required
@require_safe
def live(request: UserRequest) -> HttpResponse:
    """Renders the rows again, in the reader's order; 304 when they are what the page shows."""
    inbox = Inbox.of_poll(request)
    if inbox.verify(wait_s=POLL_WAIT_S):
        inbox = Inbox.of_poll(request)
    is_news = has_news(inbox.version, shown=request.headers.get("HX-PTag", ""))
    return poll_answer(request, "inbox/live.html", context_of(inbox) | {"has_news": is_news}, tag=inbox.version)


def context_of(inbox: Inbox) -> Context:
    return {"inbox": inbox, "shell": inbox.shell, "narrowings": Narrowings(inbox), "poll": inbox.poll}
