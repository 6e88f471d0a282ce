"""Stores assistants, so that lists can show names instead of ids and forms can offer them."""

from django.db import models

from .connections import Connection


class Assistant(models.Model):
    """Stores what a run is made from, as last listed."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE)
    upstream_id = models.CharField(max_length=200)
    name = models.CharField(max_length=256, blank=True)
    model = models.CharField(max_length=200, blank=True)
    instructions = models.TextField(blank=True)
    tools = models.JSONField(default=list)
    created_at = models.DateTimeField(null=True)
    fetched_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "upstream_id"], name="assistant_once_a_connection")
        ]

    def __str__(self) -> str:
        return self.name or self.upstream_id
