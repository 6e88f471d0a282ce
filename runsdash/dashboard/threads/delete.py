"""Deletes a thread upstream. What RunsDash has of it stays, so the form first says how much that is."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from runsdash.accounts.guards import UserRequest, operator_required
from runsdash.actions.audited_call import CHANGED_NOTHING, new_token
from runsdash.actions.threads import delete_thread
from runsdash.audit.trail import TokenUsed
from runsdash.dashboard.shell.form_answers import sent_before, sentence_of, status_of
from runsdash.dashboard.shell.links import mark_ambiguous, thread_url
from runsdash.dashboard.shell.lookup import indexed_thread
from runsdash.index.keeping.archive import meter_of
from runsdash.index.models import Thread
from runsdash.service import NotFound, ServiceError

GONE_ALREADY = "The upstream had no such thread any more. What RunsDash has of it stays."


@require_http_methods(["GET", "HEAD", "POST"])
@operator_required
def delete(request: UserRequest, thread_id: str) -> HttpResponse:
    """Shows what would be lost; on POST deletes, once the id is typed and nothing is lost unawares."""
    thread = indexed_thread(request, thread_id=thread_id)
    mark_ambiguous([thread])
    if request.method != "POST":
        return form(request, thread)
    refusal = refusal_of(request, thread)
    if refusal:
        return form(request, thread, error=refusal, status=422)
    token, reason = request.POST.get("token"), request.POST.get("reason", "")
    try:
        is_deleted = delete_thread(actor=request.user, thread=thread, token=token, reason=reason)
    except TokenUsed as used:
        return sent_before(request, used, url=thread_url(thread))
    except NotFound:
        messages.warning(request, GONE_ALREADY)
    except ServiceError as error:
        return form(request, thread, error=sentence_of(error), status=status_of(error))
    else:
        if is_deleted:
            messages.success(request, "The thread is deleted upstream. These pages show what RunsDash has of it.")
        else:
            messages.warning(request, f"{CHANGED_NOTHING}: the thread is there.")
    return HttpResponseRedirect(thread_url(thread))


def refusal_of(request: UserRequest, thread: Thread) -> str:
    """Says why this post deletes nothing; "" when it may."""
    if request.POST.get("confirm", "").strip() != thread.upstream_id:
        return "Type the whole thread id to confirm."
    meter = meter_of(thread)
    if request.POST.get("anyway") == "yes" or (meter.is_complete and not meter.active_runs):
        return ""
    if meter.active_runs:
        return "A run of this thread is still active. Cancel it first, or tick that it may be lost."
    return "The archive is not complete. Archive the thread first, or tick that the rest may be lost."


def form(request: UserRequest, thread: Thread, *, error: str = "", status: int = 200) -> HttpResponse:
    context = {
        "thread": thread,
        "meter": meter_of(thread),
        "error": error,
        "token": new_token(),
        "typed": request.POST.get("confirm", ""),
        "reason": request.POST.get("reason", ""),
        "anyway": request.POST.get("anyway") == "yes",
    }
    return render(request, "threads/delete.html", context, status=status)
