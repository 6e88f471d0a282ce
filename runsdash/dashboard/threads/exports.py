"""Streams the filtered list as a file: CSV with a line a thread, or JSON lines of whole conversations."""

from collections.abc import Iterator
from itertools import chain

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_safe

from runsdash.dashboard.runs.exports import BOM, connection_of, download, refused, viewer_or_token
from runsdash.index.exporting.chosen import chosen_threads, found_threads
from runsdash.index.exporting.objects import lines
from runsdash.index.exporting.thread_table import csv_lines
from runsdash.index.models import Connection
from runsdash.index.search.run_filter import RunFilter

from .query import thread_list_query


@require_safe
@viewer_or_token
def export_csv(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Sends a line for each thread, the last active first. `?bom=1`: for spreadsheets."""
    query = thread_list_query(request.GET)
    if query.error:
        return refused(request, query)
    found = found_threads(query.filter, connection=connection_of(query))
    start = [BOM] if request.GET.get("bom") else []
    return download(chain(start, csv_lines(found)), "threads", "csv", "text/csv; charset=utf-8")


@require_safe
@viewer_or_token
def export_jsonl(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Sends threads with all their runs, steps, messages and archived files, as received."""
    query = thread_list_query(request.GET)
    if query.error:
        return refused(request, query)
    return download(objects(query.filter, connection_of(query)), "threads", "jsonl", "application/jsonl")


def objects(thread_filter: RunFilter, connection: Connection | None) -> Iterator[bytes]:
    with chosen_threads(thread_filter, connection=connection) as chosen:
        yield from lines(chosen)
