"""Stores which run was started by a call of which step: the runs of connected agents."""

from django.db import models

from .connections import Connection
from .runs import Run


class ChildRun(models.Model):
    """Stores that a call of a step of `parent` started a run, which may not be in the index (yet).

    `upstream_id`, `thread_upstream_id`: of the run that was started. `step_key`: our key of the step.
    """

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, db_index=False, db_constraint=False)
    upstream_id = models.CharField(max_length=200)
    thread_upstream_id = models.CharField(max_length=200, blank=True)
    parent = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="children", db_constraint=False)
    step_key = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "upstream_id"], name="child_once_a_connection")]

    def __str__(self) -> str:
        return self.upstream_id
