"""What all processes together may send to a connection."""

from django.db import models

from .connections import Connection


class BudgetSecond(models.Model):
    """Requests taken by all processes out of one second's portion. Rows older than a few minutes are swept."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, db_index=False)
    second = models.BigIntegerField()
    pages = models.IntegerField(default=0)
    worker = models.IntegerField(default=0)
    writes = models.IntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "second"], name="portion_once_a_second")]

    def __str__(self) -> str:
        return f"{self.second}"
