"""Reads what every list of runs needs beside its rows: names of assistants, and whose the ids are."""

from collections.abc import Sequence

from django.db.models import QuerySet

from runsdash.dashboard.shell.links import mark_ambiguous, mark_assistants
from runsdash.index.models import Assistant, Connection, Run, Thread
from runsdash.index.run_columns import LISTED
from runsdash.index.search.listed_runs import ListedRun

COLUMNS = (
    "upstream_id", "assistant_id", "model", "status", "created_at", "started_at", "ended_at", "expires_at",
    "error_code", "metadata", "pending_calls", "waits_for", "has_all_steps", "added_at", "fetched_at",
    "connection", "thread__upstream_id", *(column.name for column in LISTED.values()),
)  # fmt: skip


def narrowed(runs: QuerySet[Run]) -> QuerySet[Run]:
    """Reads what a row shows of runs and their threads, and no raw object or long text.

    Their connections are few and come with `complete_rows`.
    """
    return runs.select_related("thread").only(*COLUMNS)


def with_connections(runs: Sequence[ListedRun], *, among: Sequence[Connection]) -> Sequence[ListedRun]:
    """Sets `connection`, `is_ambiguous` and the like on each run of a list and its thread.

    No query for one connection.
    """
    by_key = {one.pk: one for one in among}
    for run in runs:
        run.connection = run.thread.connection = by_key.get(run.connection_id) or Connection.objects.get(
            pk=run.connection_id  # it was added just now
        )
    mark_ambiguous(runs, among=among, model=Run)
    mark_ambiguous([run.thread for run in runs], among=among, model=Thread)
    mark_assistants(runs, among=among)
    return runs


def complete_rows(runs: Sequence[Run], *, among: Sequence[Connection]) -> Sequence[Run]:
    """Sets `assistant_name` on each run, `connection` and `is_ambiguous` on it and its thread.

    `among`: all connections there are. One query for any number of runs; four when there are several connections.
    """
    names, by_key = assistant_names(runs), {one.pk: one for one in among}
    for run in runs:
        run.assistant_name = names.get((run.connection_id, run.assistant_id), "")
        if run.connection_id in by_key:  # one that was added just now is looked up when it is asked for
            run.connection = run.thread.connection = by_key[run.connection_id]
    mark_ambiguous(runs, among=among)
    mark_ambiguous([run.thread for run in runs], among=among)
    mark_assistants(runs, among=among)
    return runs


def assistant_names(runs: Sequence[Run]) -> dict[tuple[int, str], str]:
    """Returns names by (connection key, assistant id); assistants without a name are left out."""
    wanted = {run.assistant_id for run in runs if run.assistant_id}
    if not wanted:
        return {}
    connections = {run.connection_id for run in runs}
    assistants = Assistant.objects.filter(connection_id__in=connections, upstream_id__in=wanted).exclude(name="")
    return {(pk, one): name for pk, one, name in assistants.values_list("connection_id", "upstream_id", "name")}
