"""Stores files of the upstream that archived runs refer to, because providers close."""

from django.db import models

from .connections import Connection


class ArchivedFile(models.Model):
    """Stores a file's content as fetched. `fetched_at` null: still wanted; else when the last attempt ended.

    `status` other than 200: the upstream's refusal, so that it is not asked for ever.
    """

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT)
    upstream_id = models.CharField(max_length=200)
    thread = models.ForeignKey("index.Thread", null=True, on_delete=models.SET_NULL)  # the first that named it
    status = models.IntegerField(null=True)
    size = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=32, blank=True)
    content_type = models.CharField(max_length=100, blank=True)
    fetched_at = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0)
    tried_at = models.DateTimeField(null=True)  # whoever sets it fetches; others leave the file alone for a while
    content = models.BinaryField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "upstream_id"], name="file_once_a_connection")]
        indexes = [
            models.Index(fields=["id"], name="file_wanted", condition=models.Q(fetched_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return self.upstream_id


class PurgedThread(models.Model):
    """Stores an id that was purged: it is not fetched again until somebody adds it. Holds no content."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE)
    upstream_id = models.CharField(max_length=200)
    purged_at = models.DateTimeField(auto_now_add=True)
    overwritten_at = models.DateTimeField(null=True)  # on SQLite: when its words left the text index's file

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "upstream_id"], name="purged_once_a_connection")]
        indexes = [models.Index(fields=["id"], name="not_overwritten", condition=models.Q(overwritten_at=None))]

    def __str__(self) -> str:
        return self.upstream_id
