"""Lists the threads whose runs of the range cost most."""

from collections.abc import Sequence
from dataclasses import dataclass

from runsdash.dashboard.shell.links import is_ambiguous, mark_ambiguous, thread_url
from runsdash.index.models import Connection, Thread
from runsdash.index.search.run_filter import Clause
from runsdash.index.totals.top_threads import Dearest, ThreadCost

from .query import OverviewQuery


@dataclass(frozen=True)
class DearestRow:
    thread: Thread
    url: str
    of: ThreadCost
    share: str
    runs_url: str


def dearest_rows(query: OverviewQuery, dearest: Dearest, *, among: Sequence[Connection]) -> list[DearestRow]:
    ids = [one.thread_id for one in dearest.threads]
    rows = Thread.objects.select_related("connection").only("upstream_id", "connection__slug").in_bulk(ids)
    mark_ambiguous(rows.values(), among=among)
    return [
        DearestRow(
            thread=rows[one.thread_id],
            url=thread_url(rows[one.thread_id]),
            of=one,
            share=f"{100 * one.cost / dearest.threads[0].cost:.1f}%",
            runs_url=query.list_url(*of_thread(rows[one.thread_id])),
        )
        for one in dearest.threads
        if one.thread_id in rows
    ]


def of_thread(thread: Thread) -> tuple[Clause, ...]:
    """Returns the clauses of a thread, with its connection where another one knows the same id."""
    clauses = (Clause("thread", thread.upstream_id),)
    return (*clauses, Clause("connection", thread.connection.slug)) if is_ambiguous(thread) else clauses
