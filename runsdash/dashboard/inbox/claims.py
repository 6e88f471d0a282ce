"""Notes who is answering a run, for others to see. Sends nothing to an upstream and keeps nobody from answering."""

from django.http import HttpResponse
from django.views.decorators.http import require_POST

from runsdash.accounts.guards import UserRequest, operator_required
from runsdash.actions.outputs import claims
from runsdash.dashboard.shell.lookup import indexed_run


@require_POST
@operator_required
def claim(request: UserRequest, thread_id: str, run_id: str) -> HttpResponse:
    """Claims the run for a while, or leaves it (`leave`)."""
    run = indexed_run(request, thread_id=thread_id, run_id=run_id)
    if "leave" in request.POST:
        claims.release(user=request.user, run=run)
    else:
        claims.claim(user=request.user, run=run)
    return HttpResponse(status=204)
