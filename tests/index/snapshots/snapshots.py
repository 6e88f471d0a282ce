"""Reads all that the index has of a connection, without our keys, so that two ways of filling it can be compared."""

from datetime import datetime

from django.db import connection as database
from django.db.models import QuerySet

from runsdash.index.models import (
    Connection,
    Message,
    MessageBody,
    Run,
    RunBody,
    RunMetadata,
    RunStep,
    RunText,
    RunTool,
    StatusSeen,
    StepBody,
    Thread,
    ThreadMetadata,
)
from runsdash.index.storage.bodies import raw_text

OURS = {"id", "connection_id", "thread_id", "run_id", "added_at", "added_by", "due_at", "cost", "last_run_id"}
OURS |= {"steps_changed_at", "messages_changed_at", "reply_digest"}


def columns(rows: QuerySet, *, without: set[str] = frozenset()) -> list[dict]:
    names = {field.attname for field in rows.model._meta.concrete_fields} - OURS - without
    return list(rows.values(*names))


def check_words() -> None:
    """SQLite's index of words has the words of its table, no more and no less. Raises DatabaseError."""
    if database.vendor == "sqlite":
        with database.cursor() as cursor:
            cursor.execute("INSERT INTO index_runtext_fts(index_runtext_fts, rank) VALUES ('integrity-check', 1)")


def last_runs(connection: Connection) -> list[tuple[str, datetime | None]]:
    """When each thread's last run was created: which of several of one second it is depends on our keys."""
    threads = Thread.objects.filter(connection=connection).order_by("upstream_id")
    moments = dict(Run.objects.filter(connection=connection).values_list("pk", "created_at"))
    return [(name, moments.get(key)) for name, key in threads.values_list("upstream_id", "last_run_id")]


def everything(connection: Connection, *, without: set[str] = frozenset()) -> dict[str, object]:
    """{table: rows in the order of upstream ids}."""
    check_words()
    own = {"connection": connection}
    runs = {"run__connection": connection}
    found: dict[str, object] = {
        model.__name__: columns(model.objects.filter(**own).order_by("upstream_id"), without=without)
        for model in (Thread, Run, RunStep, Message)
    }
    found["homes"] = [
        list(Run.objects.filter(**own).order_by("upstream_id").values_list("upstream_id", "thread__upstream_id")),
        last_runs(connection),
        list(RunStep.objects.filter(**own).order_by("upstream_id").values_list("upstream_id", "run__upstream_id")),
        list(Message.objects.filter(**own).order_by("upstream_id").values_list("upstream_id", "thread__upstream_id")),
    ]
    found["costs"] = [
        [cost and round(cost, 9) for cost in rows.order_by("upstream_id").values_list("cost", flat=True)]
        for rows in (Thread.objects.filter(**own), Run.objects.filter(**own))
    ]
    for model, owner in ((RunBody, "run"), (StepBody, "step"), (MessageBody, "message")):
        rows = model.objects.filter(**{f"{owner}__connection": connection}).order_by(f"{owner}__upstream_id")
        found[model.__name__] = [(one.size, one.digest, one.fetched_at, one.preview, raw_text(one)) for one in rows]
    pairs = ThreadMetadata.objects.filter(thread__connection=connection)
    found["ThreadMetadata"] = sorted(pairs.values_list("thread__upstream_id", "key", "value"))
    for model, names in (
        (RunMetadata, ("key", "value")),
        (RunTool, ("name",)),
        (StatusSeen, ("status", "seen_at")),
        (RunText, ("words", "is_cut")),
    ):
        names = ("run__upstream_id", *names)
        found[model.__name__] = list(model.objects.filter(**runs).order_by(*names).values_list(*names))
    return found
