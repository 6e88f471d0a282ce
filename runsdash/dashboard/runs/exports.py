"""Streams the filtered list as a file: CSV with a line a run, or JSON lines as `import_runs` takes them in again."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import wraps
from itertools import chain

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from runsdash.accounts.guards import viewer_required
from runsdash.accounts.tokens import TokenRefusal, bearer, token_of
from runsdash.dashboard.shell.lookup import connection_named
from runsdash.index.exporting.chosen import ChosenRuns, chosen_runs, found_runs
from runsdash.index.exporting.objects import lines
from runsdash.index.exporting.table import csv_lines
from runsdash.index.models import Connection
from runsdash.index.search.run_filter import RunFilter

from .query import ListAddress, run_list_address

BOM = "\ufeff".encode()  # by which spreadsheets know UTF-8

Export = Callable[[HttpRequest], HttpResponseBase]


def viewer_or_token(view: Export) -> Export:
    """Lets in people with a role, and scripts with a token for exports."""
    for_people = viewer_required(view)

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponseBase:
        if bearer(request) is None:
            return for_people(request)
        token = token_of(request, "export")
        return token if isinstance(token, TokenRefusal) else view(request)

    return guarded


@require_safe
@viewer_or_token
def export_csv(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Sends a line for each run, newest first. `?bom=1`: for spreadsheets."""
    return as_csv(request, run_list_address(request.GET), runs_csv)


@require_safe
@viewer_or_token
def export_jsonl(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Sends runs with their steps, messages, threads and archived files, as received."""
    return as_json_lines(request, run_list_address(request.GET), chosen_runs)


def runs_csv(run_filter: RunFilter, connection: Connection | None) -> Iterator[bytes]:
    return csv_lines(chain.from_iterable(found_runs(run_filter, connection=connection)))


def as_csv(
    request: HttpRequest, query: ListAddress, made: Callable[[RunFilter, Connection | None], Iterator[bytes]]
) -> HttpResponse | StreamingHttpResponse:
    """Sends the lines that are `made` of what the query finds."""
    if query.error:
        return refused(request, query)
    start = [BOM] if request.GET.get("bom") else []
    content = chain(start, made(query.filter, connection_of(query)))
    return download(content, query.of, "csv", "text/csv; charset=utf-8")


def as_json_lines(
    request: HttpRequest, query: ListAddress, choose: Callable[..., AbstractContextManager[ChosenRuns]]
) -> HttpResponse | StreamingHttpResponse:
    """Sends the objects of what the query finds, as received."""
    if query.error:
        return refused(request, query)
    chosen = choose(query.filter, connection=connection_of(query))
    return download(objects(chosen), query.of, "jsonl", "application/jsonl")


def objects(found: AbstractContextManager[ChosenRuns]) -> Iterator[bytes]:
    with found as chosen:
        yield from lines(chosen)


def download(content: Iterator[bytes], name: str, ending: str, content_type: str) -> StreamingHttpResponse:
    """Sends lines as they are made. A search that has to be stopped breaks the download off, so none looks whole."""
    response = StreamingHttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}-{timezone.localdate():%Y-%m-%d}.{ending}"'
    response["Cache-Control"] = "no-store"
    return response


def refused(request: HttpRequest, query: ListAddress) -> HttpResponse:
    """Leads to the list, which says what is wrong with the filter; a script is told at once."""
    if bearer(request):
        return JsonResponse({"error": {"message": str(query.error), "code": "bad_filter"}}, status=422)
    return HttpResponseRedirect(f"{reverse(query.of)}{query.url_query()}")


def connection_of(query: ListAddress) -> Connection | None:
    return connection_named(query.connection_slug) if query.connection_slug else None
