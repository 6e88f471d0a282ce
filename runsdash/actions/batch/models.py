"""Holds a batch: its job, and an item for each run.

An item's one-time token makes sure that its run is acted on once, whatever dies when.
"""

from django.db import models

from runsdash.accounts.models import User
from runsdash.index.models import Run


class BatchJob(models.Model):
    """Says what somebody asked for: an operation on the runs that matched at that moment."""

    class Operation(models.TextChoices):
        CANCEL = "cancel", "Cancel"
        TAG = "tag", "Tag"
        EXPORT = "export", "Export"

    operation = models.CharField(max_length=8, choices=Operation.choices)
    parameters = models.JSONField(default=dict)  # tag: {"key", "value"}
    query = models.TextField(blank=True)  # the filter, when it was not a selection by hand
    reason = models.TextField(blank=True)
    actor = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    created_by = models.CharField(max_length=150)  # the name then, for the record
    created_at = models.DateTimeField(auto_now_add=True)
    token = models.CharField(max_length=64, unique=True)  # the form's one-time token
    total = models.IntegerField()
    ended_at = models.DateTimeField(null=True)
    is_stopped = models.BooleanField(default=False)  # somebody asked for no further items
    file_name = models.CharField(max_length=100, blank=True)  # of an export, when it is ready

    class Meta:
        db_table = "bulk_bulkjob"
        indexes = [models.Index(fields=["id"], name="bulk_open", condition=models.Q(ended_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.operation} of {self.total} runs"

    @property
    def is_ended_export(self) -> bool:
        return self.operation == self.Operation.EXPORT and self.ended_at is not None


# What is asked of the server for each run.
CALLS: dict[str, str] = {BatchJob.Operation.CANCEL: "cancel_run", BatchJob.Operation.TAG: "modify_run"}


class BatchItem(models.Model):
    """Says what became of one run.

    `doing` with a lapsed lease: its process died, and the token tells whether it was sent.
    """

    class ItemState(models.TextChoices):
        WAITING = "waiting", "waiting"
        DOING = "doing", "being done"
        DONE = "done", "done"
        SKIPPED = "skipped", "skipped"  # not needed any more, e.g. it had ended by itself
        REFUSED = "refused", "refused"  # by the upstream, or not allowed
        UNCLEAR = "unclear", "unclear"  # sent, no answer; settled by reading

    State = ItemState

    job = models.ForeignKey(BatchJob, on_delete=models.CASCADE, related_name="items", db_index=False)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    message = models.TextField(blank=True)
    lease_until = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "bulk_bulkitem"
        constraints = [models.UniqueConstraint(fields=["job", "run"], name="run_once_a_job")]
        indexes = [models.Index(fields=["job", "state", "id"])]

    def __str__(self) -> str:
        return f"run {self.run_id} of job {self.job_id}"

    @property
    def token(self) -> str:
        """Names this item's write, which goes out once. The trail holds these tokens, so they keep their form."""
        return f"bulk-{self.job_id}-{self.pk}"
