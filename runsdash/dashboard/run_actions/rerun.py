"""Runs again: shows the form of a new run, filled in with everything the source used."""

import json

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.views.decorators.http import require_http_methods

from runsdash.accounts.guards import UserRequest, operator_required
from runsdash.actions.audited_call import new_token
from runsdash.actions.rerun import copy_thread, parameters_of
from runsdash.actions.rerun import rerun as start_again
from runsdash.dashboard.shell.lookup import indexed_run
from runsdash.index.models import Run, Thread
from runsdash.service.json_types import Json, JsonObject

from .new_run import attempt, made_thread, page
from .new_run_form import RunOnThreadForm


class RerunForm(RunOnThreadForm):
    """Makes a run from another one: its fields start as the source's parameters."""

    target = forms.ChoiceField(
        choices=[("thread", "On the same thread"), ("copy", "On a copy of the thread up to that point")],
        required=False,
    )
    texts_only = forms.BooleanField(required=False)
    made_thread_id = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)

    @property
    def makes_thread(self) -> bool:
        return self.cleaned_data.get("target") == "copy"


@require_http_methods(["GET", "HEAD", "POST"])
@operator_required
def rerun(request: UserRequest, thread_id: str, run_id: str) -> HttpResponse:
    """Shows the prefilled form; on POST starts the run on the same thread or on a copy of it."""
    source = indexed_run(request, thread_id=thread_id, run_id=run_id)
    initial = initial_of(source)
    if request.method != "POST":
        form = RerunForm(initial=initial | {"token": new_token()})
        return page(request, form, connection=source.connection, thread=source.thread, source=source)
    form = RerunForm(request.POST, initial=initial)

    def start() -> Run:
        actor, token, reason = request.user, form.one_time_token, form.reason_text

        def make() -> Thread:
            copy, lacks = copy_thread(
                actor=actor, source=source, token=token, reason=reason, texts_only=form.cleaned_data["texts_only"]
            )
            for sentence in lacks:
                messages.warning(request, sentence)
            return copy

        return start_again(
            actor=actor,
            source=source,
            parameters=form.parameters(),
            token=token,
            copy_id=made_thread(form, make) if form.makes_thread else "",
            reason=reason,
        )

    return attempt(request, form, start, connection=source.connection, thread=source.thread, source=source)


def initial_of(source: Run) -> JsonObject:
    """Writes the source's parameters as form text: structures as JSON, booleans as words."""
    return {
        **{name: as_text(value) for name, value in parameters_of(source).items()},
        "metadata": source.metadata,
        "target": "copy" if source.thread.is_gone else "thread",
    }


def as_text(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # some servers write 1000.0 for 1000
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, indent=2)
    return str(value)
