"""What every list of runs needs beside its rows: names of assistants, and links that find the right upstream."""

from collections.abc import Sequence
from hashlib import blake2b

from django.db.models import QuerySet

from runsdash.dashboard.shell.links import mark_ambiguous
from runsdash.index.models import Assistant, Connection, Run

COLUMNS = (
    "upstream_id", "assistant_id", "model", "status", "created_at", "started_at", "ended_at", "expires_at", "queue_s",
    "duration_s", "total_tokens", "cost", "error_code", "metadata", "pending_calls", "waits_for", "step_count", "has_all_steps",
    "fetched_at", "connection", "thread__upstream_id",
)  # fmt: skip
# What a row shows and may change while someone looks; nothing else makes a poll answer.
CHANGING = (
    "id", "status", "started_at", "ended_at", "expires_at", "total_tokens", "cost", "step_count", "metadata",
    "error_code",
)  # fmt: skip


def narrowed(runs: QuerySet[Run]) -> QuerySet[Run]:
    """Runs with what a row shows of them and their thread; raw objects and long texts stay in the database.

    Their connections are few and come with `dress`.
    """
    return runs.select_related("thread").only(*COLUMNS)


ROWS = narrowed(Run.objects.all())


def dress(runs: Sequence[Run], *, among: Sequence[Connection]) -> Sequence[Run]:
    """Sets `assistant_name` on each run, `connection` and `is_ambiguous` on it and its thread.

    `among`: all connections there are. One query for any number of runs; three when there are several connections.
    """
    names, by_key = assistant_names(runs), {one.pk: one for one in among}
    for run in runs:
        run.assistant_name = names.get((run.connection_id, run.assistant_id), "")
        if run.connection_id in by_key:  # one that was added just now is looked up when it is asked for
            run.connection = run.thread.connection = by_key[run.connection_id]
    mark_ambiguous(runs, among=among)
    mark_ambiguous([run.thread for run in runs], among=among)
    return runs


def assistant_names(runs: Sequence[Run]) -> dict[tuple[int, str], str]:
    """Names by (connection key, assistant id); assistants without a name are left out."""
    wanted = {run.assistant_id for run in runs if run.assistant_id}
    if not wanted:
        return {}
    connections = {run.connection_id for run in runs}
    found = Assistant.objects.filter(connection_id__in=connections, upstream_id__in=wanted).exclude(name="")
    return {(pk, one): name for pk, one, name in found.values_list("connection_id", "upstream_id", "name")}


def state_tag(*parts: object) -> str:
    """A polling tag: changes when one of the parts does."""
    return blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=9).hexdigest()


def list_tag(*parts: object, pill: object) -> str:
    """A list's polling tag: what the list shows, and apart from it the sync pill, which changes all the time."""
    return f"{state_tag(*parts)}-{state_tag(pill)}"


def has_news(tag: str, *, shown: str) -> bool:
    """Does a list differ from what the page shows, or is it the pill alone?"""
    return tag.partition("-")[0] != shown.partition("-")[0]


def rows_state(runs: Sequence[Run]) -> list[tuple]:
    return [tuple(getattr(run, name) for name in CHANGING) for run in sorted(runs, key=lambda run: run.pk)]
