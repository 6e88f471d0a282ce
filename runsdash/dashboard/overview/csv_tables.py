"""Writes what the overview shows as CSV: the table of groups, or that of a chart."""

import csv
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from django.http import HttpResponse

from .groups import GroupRow
from .page import OverviewPage

HEADS = (
    "runs", "ended_badly", "failed", "expired", "cost_usd", "runs_without_cost", "prompt_tokens", "completion_tokens",
    "total_tokens", "p50_s", "p95_s",
)  # fmt: skip
STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # for spreadsheets


def csv_response(page: OverviewPage, table: str) -> HttpResponse:
    """Answers with one table; with 503 while it is not counted, since a file does not follow by itself."""
    if page.hours_to_count:
        words = f"Not yet counted: {page.hours_to_count:,} hours. Try again in a moment.\n"
        return HttpResponse(words, status=503, content_type="text/plain; charset=utf-8", headers={"Retry-After": "5"})
    charts = page.charts if table else {}
    name = table if table in charts else "groups"
    rows = charts[name].table if table in charts else group_table(page)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="runsdash-overview-{name}.csv"'
    write(response, rows)
    return response


CsvCell: TypeAlias = str | int | float


def group_table(page: OverviewPage) -> list[list[CsvCell]]:
    heads: list[CsvCell] = [page.group_title.lower(), "name", *HEADS]
    return [heads, *([row.title or row.name, row.name, *cells(row)] for row in page.group_rows())]


def cells(row: GroupRow) -> list[CsvCell]:
    one = row.sums
    return [
        one.runs, one.ended_badly, one.failed, one.expired, f"{one.cost:.6f}" if row.has_cost else "",
        one.unpriced_runs, one.prompt_tokens, one.completion_tokens, one.total_tokens,
        *("" if seconds is None else seconds for seconds in one.percentiles),
    ]  # fmt: skip


def write(response: HttpResponse, rows: Iterable[Sequence[CsvCell]]) -> None:
    writer = csv.writer(response)
    for row in rows:
        writer.writerow([f"'{cell}" if str(cell).startswith(STARTS_A_FORMULA) else cell for cell in row])
