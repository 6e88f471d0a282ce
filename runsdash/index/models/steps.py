"""Stores run steps: what the timeline needs. Arguments, outputs and logs are previews in StepBody."""

from django.db import models

from runsdash.service.statuses import StepStatus, UnknownStatus, step_status

from .connections import Connection
from .runs import Run


class RunStep(models.Model):
    """Stores a step of a run. `position` orders by (created_at, tool calls before message, server order)."""

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, db_index=False, db_constraint=False)
    upstream_id = models.CharField(max_length=200)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps", db_index=False)
    position = models.BigIntegerField()
    type = models.CharField(max_length=40)
    kind = models.CharField(max_length=16)  # message, function, code, search, other: chooses icon and colour
    status = models.CharField(max_length=40)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    prompt_tokens = models.BigIntegerField(null=True)
    completion_tokens = models.BigIntegerField(null=True)
    total_tokens = models.BigIntegerField(null=True)
    error_code = models.CharField(max_length=200, blank=True)
    error_message = models.TextField(blank=True)
    message_upstream_id = models.CharField(max_length=200, blank=True)
    # [{"id", "type", "kind", "name", "arguments_size", "output_size" (null: none), "note"}], MAX_CALLS_IN_ROW at most
    calls = models.JSONField(default=list)
    call_count = models.IntegerField(default=0)
    fetched_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "upstream_id"], name="step_once_a_connection")]
        indexes = [models.Index(fields=["run", "position", "id"])]

    def __str__(self) -> str:
        return self.upstream_id

    @property
    def facts(self) -> StepStatus | UnknownStatus:
        return step_status(self.status)
