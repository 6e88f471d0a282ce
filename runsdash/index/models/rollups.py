"""Stores sums by hour and by day. The overview of a month then reads thousands of rows, not a million.

Each table holds both: rows of one hour (`hours` 1) and of one whole day (`hours` 24), in UTC. A row is exact unless an
hour of it is in DirtyHour; what changes runs marks their hours in its own transaction (see totals/rollups.py).
"""

from django.db import models

from .connections import Connection


class Rollup(models.Model):
    """Stores sums, abstract: `runs` created from `hour` (hours since 1970) for `hours` hours, on one connection."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, db_index=False)
    hours = models.SmallIntegerField()
    hour = models.IntegerField()
    runs = models.IntegerField()

    class Meta:
        abstract = True


class RunSums(Rollup):
    """Stores sums by model, status and error code. Without usage a run has no tokens, without a price no cost."""

    model = models.CharField(max_length=200)
    status = models.CharField(max_length=40)
    error_code = models.CharField(max_length=200, blank=True)
    prompt_tokens = models.BigIntegerField()
    completion_tokens = models.BigIntegerField()
    total_tokens = models.BigIntegerField()
    cost = models.FloatField()
    unpriced_runs = models.IntegerField(default=0)  # runs with tokens whose model has no known price

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hours", "hour", "connection", "model", "status", "error_code"], name="run_sums_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.hour} {self.model} {self.status}"


class AssistantSums(Rollup):
    """Stores sums by assistant."""

    assistant_id = models.CharField(max_length=200)
    total_tokens = models.BigIntegerField()
    cost = models.FloatField()
    unpriced_runs = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hours", "hour", "connection", "assistant_id"], name="assistant_sums_once")
        ]

    def __str__(self) -> str:
        return f"{self.hour} {self.assistant_id}"


class Histogram(Rollup):
    """Stores how many completed runs fell into a bucket (totals/histogram_buckets.py) of queue_s or duration_s."""

    measure = models.CharField(max_length=12)
    bucket = models.SmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hours", "hour", "connection", "measure", "bucket"], name="bucket_once")
        ]

    def __str__(self) -> str:
        return f"{self.measure} {self.bucket}"


class DirtyHour(models.Model):
    """Marks an hour whose rollups have to be made anew.

    Marks are only added and, once made good, deleted by key: writers never wait for each other, and a mark that came
    meanwhile stays.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, db_index=False)
    hour = models.IntegerField()

    class Meta:
        indexes = [models.Index(fields=["hour", "connection"], name="dirty_hour")]

    def __str__(self) -> str:
        return f"hour {self.hour}"
