"""Writes runs as CSV: one line a run, newest first, with the columns of the list."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from operator import attrgetter

from runsdash.index import run_columns
from runsdash.index.models import Run

# A spreadsheet takes what begins so for a formula, also behind blanks and in full width. Where it parts cells at
# semicolons or tabs, or lines at their ends within a cell, each part begins one. What is in cells comes from strangers.
FORMULA = re.compile(
    "(^|[;\t\r\n\v\f\x85\u2028\u2029])(?=[\\s\x00-\x1f\ufeff\u200b-\u200f\u2060'\"]*[=+\\-@＝＋－＠﹢﹣﹫−])"
)
Value = str | float | datetime | None
COLUMNS: dict[str, Callable[[Run], Value]] = {
    "status": lambda run: run.status,
    "run": lambda run: run.upstream_id,
    "thread": lambda run: run.thread.upstream_id,
    "connection": lambda run: run.connection.slug,
    **{column.csv: attrgetter(column.name) for column in run_columns.COLUMNS if column.csv},
    "metadata": lambda run: json.dumps(run.metadata, ensure_ascii=False, sort_keys=True) if run.metadata else "",
    "question": lambda run: run.question,
    "reply": lambda run: run.reply,
}


def csv_lines(runs: Iterable[Run]) -> Iterator[bytes]:
    """Yields the head, then a line for each run. Times are ISO in UTC; what is not known is empty."""
    yield csv_line(list(COLUMNS))
    for run in runs:
        yield csv_line([cell(read(run)) for read in COLUMNS.values()])


def csv_line(row: list[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(row)
    return text.getvalue().encode()


def cell(value: Value) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        return FORMULA.sub(r"\1'", value)
    return "" if value is None else str(value)
