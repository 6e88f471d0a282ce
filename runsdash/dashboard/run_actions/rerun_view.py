"""Run again: the form of a new run, filled in with everything the source used."""

import json

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from runsdash.accounts.guards import operator_required
from runsdash.actions.audited_call import new_token
from runsdash.actions.rerun import copy_thread, parameters_of
from runsdash.actions.rerun import rerun as start_again
from runsdash.dashboard.shell.lookup import known_run
from runsdash.index.models import Run

from .new_run_form import RerunForm
from .new_run_views import attempt, made_thread, once, page


@require_http_methods(["GET", "HEAD", "POST"])
@operator_required
def rerun(request: HttpRequest, thread_id: str, run_id: str) -> HttpResponse:
    """GET: the prefilled form. POST: starts the run on the same thread or on a copy of it."""
    source = known_run(request, thread_id=thread_id, run_id=run_id)
    initial = initial_of(source)
    subject = {"connection": source.connection, "thread": source.thread, "source": source}
    if request.method != "POST":
        return page(request, RerunForm(initial=initial | {"token": new_token()}), **subject)
    form = RerunForm(request.POST, initial=initial)

    def start() -> Run:
        common = {"actor": request.user, "source": source, **once(form)}
        copy_id = made_thread(form, lambda: copy_thread(**common)) if form.makes_thread else ""
        return start_again(**common, parameters=form.parameters(), copy_id=copy_id)

    return attempt(request, form, start, **subject)


def initial_of(source: Run) -> dict[str, object]:
    """The source's parameters as form text: structures as JSON, booleans as words."""
    return {name: as_text(value) for name, value in parameters_of(source).items() if name != "metadata"} | {
        "metadata": source.metadata,
        "target": "copy" if source.thread.is_gone else "thread",
    }


def as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, indent=2)
    return str(value)
