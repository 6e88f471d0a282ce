"""Writes threads as CSV: one line a thread, the last active first, with what lists show of it and of its last run."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence

from runsdash.index.models import Run, Thread

from .table import Value, cell, csv_line

OF_LAST_RUN = ("status", "assistant_id", "model", "error_code")
LAST_RUNS = Run.objects.only(*OF_LAST_RUN)


def metadata_text(thread: Thread) -> str:
    return json.dumps(thread.metadata, ensure_ascii=False, sort_keys=True) if thread.metadata else ""


COLUMNS: dict[str, Callable[[Thread], Value]] = {
    "thread": lambda thread: thread.upstream_id,
    "connection": lambda thread: thread.connection.slug,
    "customer": lambda thread: str(thread.metadata.get(thread.connection.customer_key or None, "")),
    "first_question": lambda thread: thread.first_question,
    "last_reply": lambda thread: thread.last_reply,
    "runs": lambda thread: thread.run_count,
    "total_tokens": lambda thread: thread.total_tokens,
    "cost_usd": lambda thread: thread.cost,
    "last_run_at": lambda thread: thread.last_run_at,
    "added_at": lambda thread: thread.added_at,
    "is_gone": lambda thread: "yes" if thread.is_gone else "",
    "metadata": metadata_text,
}


def csv_lines(chunks: Iterable[Sequence[Thread]]) -> Iterator[bytes]:
    """Yields the head, then a line for each thread of the chunks. Times are ISO in UTC; what is not known is empty."""
    yield csv_line([*COLUMNS, *(f"last_{name}" for name in OF_LAST_RUN)])
    for threads in chunks:
        runs = LAST_RUNS.in_bulk([thread.last_run_id for thread in threads if thread.last_run_id])
        for thread in threads:
            run = runs.get(thread.last_run_id)
            own = [cell(read(thread)) for read in COLUMNS.values()]
            yield csv_line([*own, *(cell(getattr(run, name, None)) for name in OF_LAST_RUN)])
