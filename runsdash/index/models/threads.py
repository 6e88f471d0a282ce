"""Stores threads that are known: someone added or opened them, or the upstream listed them."""

from django.db import models

from .connections import Connection
from .refreshed import Refreshed


class Thread(Refreshed):
    """Stores a conversation. `fetched_at` null: only its id is known so far."""

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT)
    upstream_id = models.CharField(max_length=200)
    created_at = models.DateTimeField(null=True)
    metadata = models.JSONField(default=dict)
    tool_resources = models.JSONField(null=True)
    raw = models.JSONField(null=True)  # of rows that were written before there was `body`
    body = models.TextField(null=True)  # noqa: DJ001  the JSON text as received; null: none, or see `raw`
    is_gone = models.BooleanField(default=False)  # the upstream said 404 after it had been there
    added_at = models.DateTimeField(auto_now_add=True)
    added_by = models.CharField(max_length=150, blank=True)
    # Kept in step with its runs by totals/thread_totals.py. `last_run_id`: the key of its newest run.
    # `active_runs` null: as an earlier version left it, see keeping/fill_columns.py.
    last_run_at = models.DateTimeField(null=True)
    last_run_id = models.BigIntegerField(null=True)
    last_run_status = models.CharField(max_length=40, blank=True, null=True, default="")  # noqa: DJ001
    run_count = models.IntegerField(default=0)
    active_runs = models.IntegerField(null=True, default=0)
    total_tokens = models.BigIntegerField(null=True)
    cost = models.FloatField(null=True)  # estimated US dollars of all its runs; null: none has a known price
    # The start of what a user said first, and an assistant last, of the messages in the index.
    first_question = models.CharField(max_length=200, blank=True, null=True, default="")  # noqa: DJ001
    last_reply = models.CharField(max_length=200, blank=True, null=True, default="")  # noqa: DJ001
    due_at = models.DateTimeField(null=True)  # when the worker looks for new runs again; null: never
    runs_cursor = models.CharField(max_length=200, blank=True, default="")  # oldest run seen by the walk backwards
    has_all_runs = models.BooleanField(default=False)
    runs_doubted_at = models.DateTimeField(null=True)  # the walk may have missed some, see index/walks.py
    messages_cursor = models.CharField(max_length=200, blank=True, default="")
    has_all_messages = models.BooleanField(default=False)
    messages_doubted_at = models.DateTimeField(null=True)
    messages_read_at = models.DateTimeField(null=True)  # the newest ones, for runs that had ended by then
    runs_read_at = models.DateTimeField(
        null=True
    )  # the newest ones; `fetched_at` tells of the thread's own object alone
    messages_changed_at = models.DateTimeField(null=True)  # when one was last seen to be new or other

    has_new_metadata = False  # of a row in memory: its pairs are to be written with it
    # No columns: what the statement of a page, or the page itself, tells of a row that it read.
    is_ambiguous: bool  # another connection knows its id
    is_unclear: bool
    is_noted: bool

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "upstream_id"], name="thread_once_a_connection")]
        indexes = [
            models.Index(fields=["last_run_at", "id"]),
            models.Index(fields=["created_at", "id"]),
            models.Index(fields=["cost", "last_run_at", "id"]),
            models.Index(fields=["last_run_id", "id"]),
            models.Index(fields=["cost", "id"]),
            models.Index(fields=["run_count", "id"]),
            models.Index(fields=["total_tokens", "id"]),
            models.Index(fields=["id"], name="thread_unfilled", condition=models.Q(active_runs__isnull=True)),
            models.Index(fields=["connection", "due_at"], name="thread_due", condition=models.Q(due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.upstream_id


class ThreadMetadata(models.Model):
    """Stores a metadata pair of a thread, for finding it and its runs."""

    thread = models.ForeignKey(
        Thread, on_delete=models.CASCADE, related_name="metadata_pairs", db_index=False, db_constraint=False
    )
    key = models.CharField(max_length=64)
    value = models.CharField(max_length=512)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["thread", "key"], name="metadata_key_once_a_thread")]
        indexes = [models.Index(fields=["key", "value", "thread"]), models.Index(fields=["value", "thread"])]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"
