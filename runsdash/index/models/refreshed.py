"""Adds columns to rows that are re-read from the upstream: when, by whom, and what went wrong last."""

from datetime import datetime, timedelta

from django.db import models


class Refreshed(models.Model):
    """Stores reads, abstract. `fetched_at`: when the request of the newest snapshot was *sent*; null: never fetched."""

    fetched_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)  # the last attempt, good or bad
    trouble = models.JSONField(null=True)  # the last attempt's failure, null after a success
    lease_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=32, blank=True, default="")

    class Meta:
        abstract = True

    def copy_age(self, now: datetime) -> timedelta:
        """Returns how old the copy is; nothing where there is none."""
        return max(timedelta(), now - self.fetched_at) if self.fetched_at else timedelta()
