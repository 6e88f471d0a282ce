"""Stores runs: a row each with all that lists, filters and sums need; metadata pairs and status history."""

from datetime import datetime
from typing import Self

from django.db import models
from django.utils import timezone

from runsdash.index import run_states
from runsdash.index.run_columns import LISTED
from runsdash.service.objects.tool_types import APPROVAL, tool_type
from runsdash.service.statuses import RunStatus, UnknownStatus, run_status

from .connections import Connection
from .refreshed import Refreshed
from .threads import Thread

SENT_IN = "sent in"  # in place of a reply's digest: an application sent the run, and no upstream said so


class RunQuerySet(models.QuerySet["Run"]):
    """Finds runs by their state; what each word means stands in index/run_states.py."""

    def of(self, connection: Connection | None) -> Self:
        """Finds runs of one connection, or of all."""
        return self.all() if connection is None else self.filter(connection=connection)

    def active(self) -> Self:
        return self.filter(run_states.active())

    def unanswered(self) -> Self:
        return self.filter(run_states.unanswered())

    def waiting(self, now: datetime) -> Self:
        """Finds runs that a person can still answer, soonest expiry first."""
        return self.filter(run_states.waiting(now)).order_by(models.F("expires_at").asc(nulls_last=True), "pk")

    def overdue(self, now: datetime) -> Self:
        """Finds runs that should have ended by now, newest first."""
        return self.filter(run_states.overdue(now)).order_by("-pk")


class Run(Refreshed):
    """Stores an execution of an assistant on a thread, as last seen.

    `expires_at`, `started_at` and `pending_calls` keep their last known value when a later snapshot nulls them.
    Times are aware UTC; `queue_s` and `duration_s` whole seconds; token counts null until the upstream reports them.
    """

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT)
    upstream_id = models.CharField(max_length=200)
    thread = models.ForeignKey(Thread, on_delete=models.PROTECT, related_name="runs")
    assistant_id = models.CharField(max_length=200, blank=True)
    model = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=40)
    status_since = models.DateTimeField(null=True)  # when this status was first seen here
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    queue_s = models.IntegerField(null=True)
    duration_s = models.IntegerField(null=True)
    prompt_tokens = models.BigIntegerField(null=True)
    completion_tokens = models.BigIntegerField(null=True)
    total_tokens = models.BigIntegerField(null=True)
    cached_tokens = models.BigIntegerField(null=True)  # of the prompt, read from the provider's cache
    cost = models.FloatField(null=True)  # estimated US dollars at the model's price at created_at; null: unknown
    error_code = models.CharField(max_length=200, blank=True)  # last_error.code or incomplete_details.reason
    error_message = models.TextField(blank=True)  # the first 2,000 characters
    metadata = models.JSONField(default=dict)
    # The start of the last user message before it, and of the last message that it wrote, as index/excerpts.py makes
    # them. Null: not read yet out of messages that an earlier version stored, see keeping/fill_columns.py.
    question = models.CharField(max_length=200, null=True, default="")  # noqa: DJ001
    reply = models.CharField(max_length=200, null=True, default="")  # noqa: DJ001
    pending_calls = models.JSONField(default=list)  # what it waited for last: run_columns.py, missed_calls.py
    waits_for = models.CharField(max_length=40, blank=True)  # required_action.type while it waits
    step_count = models.IntegerField(default=0)  # steps in the index
    steps_cursor = models.CharField(max_length=200, blank=True, default="")  # the walk from the first step got here
    steps_walked_at = models.DateTimeField(null=True)  # the walk got to the last step then; null: it is under way
    has_all_steps = models.BooleanField(default=False)  # it has ended, and each step was read as the end left it
    steps_doubted_at = models.DateTimeField(null=True)  # the walk may have missed some, see index/walks.py
    tool_call_count = models.IntegerField(default=0)  # of the steps in the index
    added_at = models.DateTimeField(null=True, default=timezone.now)  # of the row; null: before this was kept
    archived_at = models.DateTimeField(null=True)  # run, steps, messages and files are all here
    steps_checked_at = models.DateTimeField(null=True)  # the last attempt to read steps; null: never
    steps_changed_at = models.DateTimeField(
        null=True
    )  # when one was last seen to be new or other; see storage/changes.py
    reply_digest = models.CharField(max_length=32, blank=True, default="")  # of its reply; "": unknown; or SENT_IN

    # No columns: what statements and pages tell of a row that they read. Each is there where they say so alone.
    is_ambiguous: bool  # another connection knows its id
    shares_assistant: bool
    has_shared_thread: bool
    assistant_name: str | None
    hit: str  # words to mark in its texts
    last_rerun: datetime | None
    source_run: int | None
    last_entry: int | None  # of the trail
    last_result: str | None
    parent_run: int | None
    last_child: int | None
    draft_at: datetime | None
    last_piece: int | None
    is_noted: bool
    parent_key: int | None

    objects = RunQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "upstream_id"], name="run_once_a_connection")]
        indexes = [
            models.Index(fields=["status", "id"]),
            models.Index(fields=["model", "id"]),
            models.Index(fields=["assistant_id", "id"]),
            models.Index(fields=["thread", "id"]),
            models.Index(fields=["status", "model", "id"]),
            models.Index(fields=["status", "assistant_id", "id"]),
            *(models.Index(fields=[column.name, "id"]) for column in LISTED.values()),
            models.Index(fields=["error_code", "id"], name="run_error", condition=~models.Q(error_code="")),
            models.Index(fields=["id"], name="run_failing", condition=~models.Q(error_code="")),
            models.Index(fields=["id"], name="run_calling", condition=models.Q(tool_call_count__gt=0)),
            models.Index(fields=["connection", "id"]),
            models.Index(fields=["expires_at"], name="run_waiting", condition=models.Q(status=run_states.WAITING)),
            models.Index(fields=["connection", "id"], name="run_unarchived", condition=models.Q(has_all_steps=False)),
            models.Index(
                fields=["connection", "id"], name="run_to_archive", condition=models.Q(archived_at__isnull=True)
            ),
            models.Index(fields=["checked_at"], name="run_active", condition=run_states.active()),
            models.Index(fields=["thread", "id"], name="run_unfilled", condition=models.Q(question__isnull=True)),
            models.Index(fields=["added_at"], name="run_added", condition=models.Q(added_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.upstream_id

    @property
    def facts(self) -> RunStatus | UnknownStatus:
        """Returns what is known of its status: label, is_terminal, is_active, can_be_cancelled."""
        return run_status(self.status)

    @property
    def is_gone(self) -> bool:
        return run_states.is_gone(self)

    @property
    def is_settled(self) -> bool:
        return run_states.is_settled(self)

    def is_waiting(self, now: datetime) -> bool:
        return run_states.is_waiting(self, now)

    def is_overdue(self, now: datetime) -> bool:
        return run_states.is_overdue(self, now)

    @property
    def waits_for_approval(self) -> bool:
        """Tells whether its calls want a yes or no; of an ended run, whether that is what it waited for."""
        if self.waits_for:
            return self.waits_for == "submit_tool_approval"
        types = {str(call.get("type")) for call in self.pending_calls if isinstance(call, dict)}
        return bool(types) and all(tool_type(one).answer == APPROVAL for one in types)

    @property
    def calls_fault(self) -> str:
        """Says why no answer can reach the calls it waits for: ids that are missing or shared. "" when one can."""
        if self.facts.is_known and not self.waits_for:
            return ""
        ids = [str(call.get("id") or "") for call in self.pending_calls if isinstance(call, dict)]
        shared = next((one for one in ids if one and ids.count(one) > 1), "")
        if "" in ids:
            said = f"{ids.count('')} of {len(ids)} tool calls without an id"
        elif shared:
            said = f"{ids.count(shared)} different tool calls under one id, {shared[:80]!r}"
        else:
            return ""
        return f"The server sent {said}. No answer can reach them; cancel the run."


class RunMetadata(models.Model):
    """Stores a metadata pair of a run, for filtering by it."""

    run = models.ForeignKey(
        Run, on_delete=models.CASCADE, related_name="metadata_pairs", db_index=False, db_constraint=False
    )
    key = models.CharField(max_length=64)
    value = models.CharField(max_length=512)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "key"], name="metadata_key_once_a_run")]
        indexes = [models.Index(fields=["key", "value", "run"])]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class StatusSeen(models.Model):
    """Stores a status change that was seen, and when. It is told once, of those that may be asked for."""

    run = models.ForeignKey(
        Run, on_delete=models.CASCADE, related_name="statuses_seen", db_index=False, db_constraint=False
    )
    status = models.CharField(max_length=40)
    seen_at = models.DateTimeField()
    is_to_tell = models.BooleanField(null=True)  # True until notify has looked at it; null: nothing is to be told

    class Meta:
        indexes = [
            models.Index(fields=["run", "seen_at"]),
            models.Index(fields=["id"], name="status_to_tell", condition=models.Q(is_to_tell=True)),
        ]

    def __str__(self) -> str:
        return f"{self.status} at {self.seen_at:%H:%M:%S}"
