"""A run taken elsewhere: its requests as curl and as Python."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import viewer_required
from runsdash.actions.rerun import parameters_of
from runsdash.dashboard.shell.lookup import known_run
from runsdash.sync.clients import client_for

from .copy_as import KEY_VARIABLE, as_curl, as_python, ids_of


@viewer_required
@require_safe
def copy_as(request: HttpRequest, thread_id: str, run_id: str) -> HttpResponse:
    """The request that reads the run, and the one that starts it again."""
    run = known_run(request, thread_id=thread_id, run_id=run_id)
    client, ids = client_for(run.connection), ids_of(run)
    start = client.describe_request("create_run", thread_id=ids["thread_id"], **parameters_of(run))
    read = client.describe_request("retrieve_run", **ids)
    requests = [
        {"title": title, "curl": as_curl(one), "python": as_python(one)}
        for title, one in (("Start it again on its thread", start), ("Read it", read))
    ]
    context = {"run": run, "requests": requests, "variable": KEY_VARIABLE, "is_dialog": bool(request.htmx)}
    if request.htmx:
        return render(
            request, "run_actions/_dialog.html", context | {"fragment": "run/_copy_as.html", "title": "Copy as"}
        )
    return render(request, "run/copy_as.html", context)
