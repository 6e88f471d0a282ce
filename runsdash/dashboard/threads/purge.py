"""Purges a thread from RunsDash: everything that is known of it here. Nothing changes upstream."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from runsdash.accounts.guards import UserRequest, admin_required
from runsdash.actions.threads import purge_thread
from runsdash.dashboard.shell.links import mark_ambiguous
from runsdash.dashboard.shell.lookup import indexed_thread
from runsdash.index.keeping.archive import meter_of
from runsdash.index.models import Thread


@require_http_methods(["GET", "HEAD", "POST"])
@admin_required
def purge(request: UserRequest, thread_id: str) -> HttpResponse:
    """Shows what would be purged; on POST purges, once the id is typed."""
    thread = indexed_thread(request, thread_id=thread_id)
    mark_ambiguous([thread])
    if request.method != "POST":
        return form(request, thread)
    if request.POST.get("confirm", "").strip() != thread.upstream_id:
        return form(request, thread, error="Type the whole thread id to confirm.", status=422)
    is_over = purge_thread(actor=request.user, thread=thread, reason=request.POST.get("reason", ""))
    rest = "" if is_over else " It is large; a worker deletes the rest of it."
    messages.success(request, f"The thread is purged.{rest} It is not fetched again until somebody adds it.")
    return HttpResponseRedirect(reverse("threads"))


def form(request: UserRequest, thread: Thread, *, error: str = "", status: int = 200) -> HttpResponse:
    context = {
        "thread": thread,
        "meter": meter_of(thread),
        "error": error,
        "typed": request.POST.get("confirm", ""),
        "reason": request.POST.get("reason", ""),
    }
    return render(request, "threads/purge.html", context, status=status)
