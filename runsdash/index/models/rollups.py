"""Stores sums by hour and by day. The overview of a month then reads thousands of rows, not a million.

One table holds both: rows of one hour (`hours` 1) and of one whole day (`hours` 24), in UTC. A row is exact unless an
hour of it is in DirtyHour; what changes runs marks their hours in its own transaction (see totals/rollups.py).
"""

from django.db import models

from .connections import Connection


class RunSums(models.Model):
    """Stores sums of runs created from `hour` (hours since 1970) for `hours` hours, on one connection.

    A row is of one assistant, model, status and error code. Without usage a run has no tokens, without a price no
    cost. `took` and `queued` say how many completed runs fell into which bucket of seconds, packed by
    totals/histograms.py.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, db_index=False)
    hours = models.SmallIntegerField()
    hour = models.IntegerField()
    assistant_id = models.CharField(max_length=200, blank=True, default="")
    model = models.CharField(max_length=200)
    status = models.CharField(max_length=40)
    error_code = models.CharField(max_length=200, blank=True)
    runs = models.IntegerField()
    prompt_tokens = models.BigIntegerField()
    completion_tokens = models.BigIntegerField()
    total_tokens = models.BigIntegerField()
    cost = models.FloatField()
    unpriced_runs = models.IntegerField(default=0)  # runs with tokens whose model has no known price
    took = models.BinaryField(default=bytes)
    queued = models.BinaryField(default=bytes)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hours", "hour", "connection", "assistant_id", "model", "status", "error_code"],
                name="run_sums_each_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.hour} {self.assistant_id} {self.model} {self.status}"


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
