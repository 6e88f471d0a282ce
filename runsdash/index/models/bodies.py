"""Stores bodies as received, compressed, one row an object, with the preview that pages read.

`preview` stands before `raw` in each table, so that reading it never walks over a large body. It is empty where the
body is short: read it through storage/bodies.py, which makes it then.
"""

from django.db import models

from .messages import Message
from .runs import Run
from .steps import RunStep


class Body(models.Model):
    """Stores a body, abstract. `raw` is its UTF-8 JSON, mostly compressed by zlib; `size`: bytes before that."""

    size = models.BigIntegerField()
    digest = models.CharField(max_length=32)
    fetched_at = models.DateTimeField()
    preview = models.JSONField(default=dict)
    raw = models.BinaryField()

    class Meta:
        abstract = True


class RunBody(Body):
    """Stores a run's body. `preview`: the run's parameters with long texts cut, see storage/previews.py."""

    run = models.OneToOneField(
        Run, on_delete=models.CASCADE, primary_key=True, related_name="body", db_constraint=False
    )

    def __str__(self) -> str:
        return f"body of run {self.run_id}"


class StepBody(Body):
    """Stores a step's body. `preview`: tool calls with arguments, outputs, code, logs and results cut."""

    step = models.OneToOneField(
        RunStep, on_delete=models.CASCADE, primary_key=True, related_name="body", db_constraint=False
    )

    def __str__(self) -> str:
        return f"body of step {self.step_id}"


class MessageBody(Body):
    """Stores a message's body. `preview` is empty: a message's preview is its `parts`."""

    message = models.OneToOneField(
        Message, on_delete=models.CASCADE, primary_key=True, related_name="body", db_constraint=False
    )

    def __str__(self) -> str:
        return f"body of message {self.message_id}"
