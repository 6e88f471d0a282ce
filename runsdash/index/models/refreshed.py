"""Columns of rows that are re-read from the upstream: when, by whom, and what went wrong last."""

from datetime import datetime, timedelta

from django.db import models


class Refreshed(models.Model):
    """Abstract. `fetched_at` is the moment the request of the newest snapshot was *sent*, null: never fetched whole."""

    fetched_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)  # the last attempt, good or bad
    trouble = models.JSONField(null=True)  # the last attempt's failure, null after a success
    lease_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=32, blank=True, default="")

    class Meta:
        abstract = True

    def copy_age(self, now: datetime) -> timedelta:
        """How old the copy is; nothing where there is none."""
        return max(timedelta(), now - self.fetched_at) if self.fetched_at else timedelta()
