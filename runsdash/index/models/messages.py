"""Stores messages of threads."""

from django.db import models

from runsdash.index.excerpts import excerpt_of

from .connections import Connection
from .threads import Thread


class Message(models.Model):
    """Stores a message. `parts` is its content, each text cut to the preview size (see storage/previews.py)."""

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, db_index=False, db_constraint=False)
    upstream_id = models.CharField(max_length=200)
    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="messages", db_index=False)
    run_upstream_id = models.CharField(max_length=200, blank=True)
    assistant_id = models.CharField(max_length=200, blank=True)
    role = models.CharField(max_length=40)
    status = models.CharField(max_length=40, blank=True)
    incomplete_reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    position = models.BigIntegerField()
    parts = models.JSONField(default=list)
    attachments = models.JSONField(default=list)
    metadata = models.JSONField(default=dict)
    fetched_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "upstream_id"], name="message_once_a_connection")]
        indexes = [
            models.Index(fields=["thread", "position", "id"]),
            models.Index(fields=["thread", "run_upstream_id", "position"]),
        ]

    def __str__(self) -> str:
        return self.upstream_id

    @property
    def excerpt(self) -> str:
        """Returns the start of its first text, on one line."""
        return excerpt_of(self.parts)
