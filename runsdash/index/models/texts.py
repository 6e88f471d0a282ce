"""Stores the words of a run, for full text: of its instructions, messages, tool arguments and outputs, errors.

The search index itself (FTS5 on SQLite, a tsvector with GIN on PostgreSQL) is made by migration 0002 over this table.
"""

from django.db import models

from .runs import Run


class RunText(models.Model):
    """Stores `words` as split by fulltext/words.py, separated by spaces. Its key is the run's, which sorts by age."""

    run = models.OneToOneField(
        Run, on_delete=models.CASCADE, primary_key=True, related_name="text", db_constraint=False
    )
    words = models.TextField()
    is_cut = models.BooleanField(default=False)  # a text was longer than what is searchable

    def __str__(self) -> str:
        return f"words of run {self.run_id}"


class RunTool(models.Model):
    """Stores a tool that a run's steps or pending calls use."""

    run = models.ForeignKey(
        Run, on_delete=models.CASCADE, related_name="tools_used", db_index=False, db_constraint=False
    )
    name = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "name"], name="tool_once_a_run")]
        indexes = [models.Index(fields=["name", "run"])]

    def __str__(self) -> str:
        return self.name
