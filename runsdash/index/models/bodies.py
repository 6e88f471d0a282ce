"""Bodies as received, compressed, one row an object, with the preview that pages read.

`preview` stands before `raw` in each table, so that reading it never walks over a large body. It is empty where the
body is short: read it through `index/storage/bodies.py`, which makes it then.
"""

from django.db import models

from .messages import Message
from .runs import Run
from .steps import RunStep


class Body(models.Model):
    """Abstract. `raw` is zlib-compressed UTF-8 JSON, `size` its length in bytes before compression."""

    size = models.BigIntegerField()
    digest = models.CharField(max_length=32)
    fetched_at = models.DateTimeField()
    preview = models.JSONField(default=dict)
    raw = models.BinaryField()

    class Meta:
        abstract = True


class RunBody(Body):
    """preview: the run's parameters with long texts cut, see index/storage/previews.py."""

    run = models.OneToOneField(
        Run, on_delete=models.CASCADE, primary_key=True, related_name="body", db_constraint=False
    )

    def __str__(self) -> str:
        return f"body of run {self.run_id}"


class StepBody(Body):
    """preview: tool calls with arguments, outputs, code, logs and results cut, see index/storage/previews.py."""

    step = models.OneToOneField(
        RunStep, on_delete=models.CASCADE, primary_key=True, related_name="body", db_constraint=False
    )

    def __str__(self) -> str:
        return f"body of step {self.step_id}"


class MessageBody(Body):
    """preview: empty, a message's preview is its `parts`."""

    message = models.OneToOneField(
        Message, on_delete=models.CASCADE, primary_key=True, related_name="body", db_constraint=False
    )

    def __str__(self) -> str:
        return f"body of message {self.message_id}"
