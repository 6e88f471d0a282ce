"""Stores work that outlives a request: imports, exports, purges. Any worker claims and finishes it."""

from django.db import models

from .connections import Connection


class Job(models.Model):
    """Stores a piece of work, with its progress. It is claimed by lease, and may be repeated without harm."""

    class JobState(models.TextChoices):
        WAITING = "waiting", "waiting"
        RUNNING = "running", "running"
        DONE = "done", "done"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"

    State = JobState

    kind = models.CharField(max_length=40)  # add_threads, export_runs, import_runs, purge_thread …
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    connection = models.ForeignKey(Connection, null=True, on_delete=models.SET_NULL)
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    parameters = models.JSONField(default=dict)
    progress = models.JSONField(default=dict)  # {"done", "total" (null: unknown), "note"}
    place = models.JSONField(default=dict)  # where to go on after a crash
    error = models.TextField(blank=True)
    file_name = models.CharField(max_length=200, blank=True)  # in VAR_DIR/files, of an export or upload
    attempts = models.IntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=32, blank=True, default="")

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="job_open", condition=models.Q(state__in=["waiting", "running"])),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
