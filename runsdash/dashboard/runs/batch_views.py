"""Acts on many runs: the form that says how many, and the job's page."""

from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import (
    FileResponse,
    Http404,
    HttpResponse,
    HttpResponseRedirect,
    QueryDict,
)
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from runsdash.accounts.guards import UserRequest, operator_required, viewer_required
from runsdash.actions.audited_call import new_token
from runsdash.actions.batch.exports import path_of
from runsdash.actions.batch.jobs import MAX_RUNS, TooMany, make_job, matching_ids, stop_job
from runsdash.actions.batch.models import BatchItem, BatchJob
from runsdash.dashboard.shell import poll_intervals
from runsdash.dashboard.shell.links import mark_ambiguous
from runsdash.dashboard.shell.lookup import connection_named
from runsdash.dashboard.shell.page_types import Context
from runsdash.dashboard.shell.poll_tags import Poll, poll_answer, state_tag
from runsdash.dashboard.shell.shell import Shell
from runsdash.index.models import Run
from runsdash.index.search.run_filter import FilterError
from runsdash.service.checks import MAX_METADATA_KEY_CHARS, MAX_METADATA_VALUE_CHARS

from .batch_scope import BatchScope
from .query import run_list_address

ITEMS_A_PAGE = 100


class BulkForm(forms.Form):
    """Parses what to do with the runs. Tagging adds one metadata pair."""

    operation = forms.ChoiceField(choices=BatchJob.Operation.choices)
    key = forms.CharField(required=False, max_length=MAX_METADATA_KEY_CHARS, strip=False)
    value = forms.CharField(required=False, max_length=MAX_METADATA_VALUE_CHARS, strip=False)
    reason = forms.CharField(required=False, max_length=2000)
    token = forms.CharField(max_length=64)

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if cleaned.get("operation") == BatchJob.Operation.TAG and not cleaned.get("key"):
            self.add_error("key", "A tag needs a key.")
        return cleaned

    @property
    def parameters(self) -> dict[str, str]:
        if self.cleaned_data["operation"] != BatchJob.Operation.TAG:
            return {}
        return {"key": self.cleaned_data["key"], "value": self.cleaned_data["value"]}


@operator_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: UserRequest) -> HttpResponse:
    """Shows what matches now (a filter or `?run=` keys); on POST makes the job of what matches then."""
    query = request.POST if request.method == "POST" else request.GET
    try:
        run_ids = chosen_run_ids(query)
    except (FilterError, TooMany) as error:
        return page(request, query, [], BulkForm(initial={"token": new_token()}), problem=str(error), status=422)
    if request.method != "POST":
        operation = request.GET.get("operation", "")
        return page(request, query, run_ids, BulkForm(initial={"token": new_token(), "operation": operation}))
    form = BulkForm(request.POST)
    if not form.is_valid() or not run_ids:
        problem = "" if run_ids else "No run matches any more. Nothing was done."
        return page(request, query, run_ids, form, problem=problem, status=422)
    job = make_job(
        actor=request.user,
        operation=form.cleaned_data["operation"],
        run_ids=run_ids,
        token=form.cleaned_data["token"],
        query="" if query.getlist("run") else run_list_address(query).kept_text,
        reason=form.cleaned_data["reason"],
        parameters=form.parameters,
    )
    return HttpResponseRedirect(reverse("bulk_job", args=[job.pk]))


def chosen_run_ids(query: QueryDict) -> list[int]:
    """Returns keys of the runs selected by hand, else of those that match the filter. Raises FilterError, TooMany."""
    chosen = [int(key) for key in query.getlist("run") if key.isdecimal() and len(key) < 20][:MAX_RUNS]
    if chosen:
        return list(Run.objects.filter(pk__in=chosen).values_list("pk", flat=True))
    asked, slug = run_list_address(query), query.get("connection")
    if asked.error:
        raise asked.error
    return matching_ids(asked.filter, connection=connection_named(slug) if slug else None)


def page(
    request: UserRequest, query: QueryDict, run_ids: list[int], form: BulkForm, *, problem: str = "", status: int = 200
) -> HttpResponse:
    chosen = [key for key in query.getlist("run") if key.isdecimal()]
    scope, operation = BatchScope(run_ids), form["operation"].value()
    applies = {BatchJob.Operation.CANCEL: scope.can_cancel, BatchJob.Operation.TAG: scope.can_tag}
    context = {
        # What cannot apply is not chosen, and what destroys is never the choice of the page.
        "operation": operation if applies.get(operation, True) else "",
        "scope": scope,
        "form": form,
        "query": run_list_address(query),
        "chosen": chosen,
        "connection": query.get("connection", ""),
        "count": len(run_ids),
        "problem": problem,
    }
    return render(request, "runs/batch/new.html", context, status=status)


@viewer_required
@require_safe
def jobs(request: UserRequest) -> HttpResponse:
    return render(request, "runs/batch/jobs.html", {"jobs": BatchJob.objects.order_by("-pk")[:ITEMS_A_PAGE]})


@viewer_required
@require_safe
def job(request: UserRequest, key: int) -> HttpResponse:
    """Shows the job with the result of each run. Polled while it goes on."""
    context = job_context(request, job_named(key))
    template = "runs/batch/_job.html" if request.htmx else "runs/batch/job.html"
    return poll_answer(request, template, context, tag=context["poll"].tag)


def job_context(request: UserRequest, job: BatchJob) -> Context:
    counts, shell = dict(job.items.values_list("state").annotate(n=Count("pk"))), Shell(request)
    state = request.GET.get("state", "")
    items = job.items.select_related("run__thread", "run__connection").order_by("id")
    items = items.filter(state=state) if state in BatchItem.State.values else items
    page = Paginator(items, ITEMS_A_PAGE).get_page(request.GET.get("page"))
    mark_ambiguous([item.run for item in page], among=shell.connections)
    left = counts.get("waiting", 0) + counts.get("doing", 0)
    url = f"{reverse('bulk_job', args=[job.pk])}?{request.GET.urlencode()}"
    tag = state_tag(counts, job.ended_at, job.is_stopped, shell.waiting_count)
    cells = [{"state": one, "label": one.label, "count": counts.get(one.value, 0)} for one in BatchItem.State]
    return {
        "job": job,
        "cells": cells,
        "state": state,
        "items": page,
        "over": job.total - left,
        "poll": Poll(url=url, interval_s=poll_intervals.BATCH_S, tag=tag),
    }


@operator_required
@require_POST
def stop(request: UserRequest, key: int) -> HttpResponse:
    stop_job(actor=request.user, job=job_named(key))
    return HttpResponseRedirect(reverse("bulk_job", args=[key]))


@viewer_required
@require_safe
def download(request: UserRequest, key: int) -> FileResponse:
    job = job_named(key)
    path = path_of(job)
    if not job.file_name or not path.is_file():
        raise Http404("This job has no file, or none any more.")
    return FileResponse(path.open("rb"), as_attachment=True, filename=job.file_name, content_type="application/jsonl")


def job_named(key: int) -> BatchJob:
    job = BatchJob.objects.filter(pk=key).first()
    if job is None:
        raise Http404("There is no such job.")
    return job
