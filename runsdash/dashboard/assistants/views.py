"""Shows an assistant as last seen, with its newest runs and what became of those of the last days."""

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import UserRequest, viewer_required
from runsdash.dashboard.shell.lookup import connection_of
from runsdash.dashboard.shell.shell import Shell
from runsdash.index.models import Assistant, Run

from .page import AssistantPage


@viewer_required
@require_safe
def assistant(request: UserRequest, assistant_id: str) -> HttpResponse:
    """Shows one assistant. Of one that was never listed, what its runs say."""
    connection = connection_of(request, (Assistant, assistant_id))
    row = Assistant.objects.filter(connection=connection, upstream_id=assistant_id).first()
    if row is None:
        runs = Run.objects.of(connection if request.GET.get("connection") else None).filter(assistant_id=assistant_id)
        newest = runs.select_related("connection").order_by("-pk").first()
        if newest is None:
            raise Http404(f"RunsDash has seen neither the assistant {assistant_id} nor a run of it.")
        connection = newest.connection
    page = AssistantPage(row or Assistant(connection=connection, upstream_id=assistant_id), Shell(request))
    return render(request, "assistants/assistant.html", {"page": page, "shell": page.shell})
