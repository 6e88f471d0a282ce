"""Stores what all processes have counted."""

from django.db import models


class MeasuredSum(models.Model):
    """Holds the sum of one series of runsdash/measures.py. Rows are added to, and there are a few hundred at most."""

    name = models.CharField(max_length=80)
    labels = models.CharField(max_length=300)  # JSON: a list of their values
    amount = models.FloatField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "labels"], name="measure_once")]

    def __str__(self) -> str:
        return f"{self.name} {self.labels}"
