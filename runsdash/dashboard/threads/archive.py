"""Archives a thread now: reads what is still missing of it, as far as one request may take."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST

from runsdash.accounts.guards import UserRequest, operator_required
from runsdash.dashboard.shell.links import mark_ambiguous, thread_url
from runsdash.dashboard.shell.lookup import indexed_thread
from runsdash.sync.archiving import archive_thread

WAIT_S = 8.0


@operator_required
@require_POST
def archive(request: UserRequest, thread_id: str) -> HttpResponse:
    """Goes back to the page that asked: the thread's, or with `next=delete` the form that deletes it."""
    thread = indexed_thread(request, thread_id=thread_id)
    mark_ambiguous([thread])
    meter = archive_thread(thread, within_s=WAIT_S)
    if meter.is_complete:
        messages.success(request, "The archive of this thread is complete.")
    else:
        messages.warning(request, "Not everything could be read in time. Try again, or let the worker go on.")
    page = "thread_delete" if request.POST.get("next") == "delete" else "thread"
    return HttpResponseRedirect(thread_url(thread, page))
