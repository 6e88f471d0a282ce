"""Stores what all processes together have sent to a connection, by window (sync/budget/shared_budget.py)."""

from django.db import models

from .connections import Connection


class BudgetSecond(models.Model):
    """Counts requests that all processes took out of the window that began at `second`. Swept after some hours."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, db_index=False)
    second = models.BigIntegerField()
    pages = models.IntegerField(default=0)
    worker = models.IntegerField(default=0)
    writes = models.IntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "second"], name="portion_once_a_second")]

    def __str__(self) -> str:
        return f"{self.second}"
