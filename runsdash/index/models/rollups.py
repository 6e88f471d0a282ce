"""Sums by hour and day, so that the overview of a month reads hundreds of rows, not a million.

A row is exact for its hour (UTC) unless the hour is in DirtyHour; upserts mark hours in their own transaction.
"""

from django.db import models

from .connections import Connection


class HourRollup(models.Model):
    """Runs created in one hour, by connection, model and status. `hour`: hours since 1970."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, db_index=False)
    hour = models.IntegerField()
    model = models.CharField(max_length=200)
    status = models.CharField(max_length=40)
    error_code = models.CharField(max_length=200, blank=True)
    runs = models.IntegerField()
    prompt_tokens = models.BigIntegerField()
    completion_tokens = models.BigIntegerField()
    total_tokens = models.BigIntegerField()
    cost = models.FloatField()
    unpriced_runs = models.IntegerField(default=0)  # runs with tokens whose model has no known price

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hour", "connection", "model", "status", "error_code"], name="rollup_once_an_hour"
            )
        ]

    def __str__(self) -> str:
        return f"{self.hour} {self.model} {self.status}"


class DayRollup(models.Model):
    """Runs created in one day, by connection and assistant. `day`: days since 1970."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, db_index=False)
    day = models.IntegerField()
    assistant_id = models.CharField(max_length=200)
    runs = models.IntegerField()
    total_tokens = models.BigIntegerField()
    cost = models.FloatField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["day", "connection", "assistant_id"], name="rollup_once_a_day")]

    def __str__(self) -> str:
        return f"{self.day} {self.assistant_id}"


class Histogram(models.Model):
    """How many runs of one hour fell into a log-scale bucket of `measure` (queue_s, duration_s), by model."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, db_index=False)
    hour = models.IntegerField()
    model = models.CharField(max_length=200)
    measure = models.CharField(max_length=12)
    bucket = models.SmallIntegerField()
    runs = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hour", "connection", "model", "measure", "bucket"], name="bucket_once_an_hour"
            )
        ]

    def __str__(self) -> str:
        return f"{self.measure} {self.bucket}"


class DirtyHour(models.Model):
    """An hour whose rollups have to be made anew."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, db_index=False)
    hour = models.IntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hour", "connection"], name="dirty_once_an_hour")]

    def __str__(self) -> str:
        return f"hour {self.hour}"
