"""Streams the filtered list as a file: CSV with a line a thread, or JSON lines of whole conversations."""

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_safe

from runsdash.dashboard.runs.exports import as_csv, as_json_lines, viewer_or_token
from runsdash.index.exporting.chosen import chosen_threads, found_threads
from runsdash.index.exporting.thread_table import csv_lines
from runsdash.index.models import Connection
from runsdash.index.search.run_filter import RunFilter

from .query import thread_list_address


@require_safe
@viewer_or_token
def export_csv(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Sends a line for each thread, the last active first. `?bom=1`: for spreadsheets."""
    return as_csv(request, thread_list_address(request.GET), threads_csv)


@require_safe
@viewer_or_token
def export_jsonl(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Sends threads with all their runs, steps, messages and archived files, as received."""
    return as_json_lines(request, thread_list_address(request.GET), chosen_threads)


def threads_csv(thread_filter: RunFilter, connection: Connection | None) -> Iterator[bytes]:
    return csv_lines(found_threads(thread_filter, connection=connection))
