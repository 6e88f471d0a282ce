"""Holds what actions leave behind beside the trail: lineage of re-runs, and the live output of streams."""

from django.db import models
from django.utils import timezone

from runsdash.actions.outputs.outputs import Claim, Draft, OutputSchema, OutputTemplate, SentOutput
from runsdash.index.models import Run

__all__ = ["Claim", "Draft", "Lineage", "OutputSchema", "OutputTemplate", "SentOutput"]


class Lineage(models.Model):
    """Says that `run` is a re-run of `source`, on the same thread or on a copy of it."""

    run = models.OneToOneField(Run, on_delete=models.CASCADE, primary_key=True, related_name="made_from")
    source = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="reruns")
    is_on_copy = models.BooleanField()
    changed = models.JSONField(default=list)  # names of the parameters that were edited
    made_by = models.CharField(max_length=150)
    made_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.run_id} from {self.source_id}"


class LiveState(models.TextChoices):
    READING = "reading"
    ENDED = "ended"
    BROKEN = "broken"


class LivePieceKind(models.TextChoices):
    TEXT = "text"
    ARGUMENTS = "arguments"
    CODE = "code"
    LOGS = "logs"
    EVENT = "event"


class LiveOutput(models.Model):
    """Says who reads the stream of a run, and how it stands. Written by its reader alone; see live/output_rows.py."""

    run = models.OneToOneField(Run, on_delete=models.CASCADE, primary_key=True, related_name="live_output")
    segment = models.IntegerField(default=0)  # 1 from the start of the run, one more after each answer
    reader = models.CharField(max_length=32)
    state = models.CharField(max_length=10, choices=LiveState.choices, default=LiveState.READING)
    sentence = models.TextField(blank=True)  # why it broke off
    beat_at = models.DateTimeField(default=timezone.now, db_index=True)  # the reader's last sign of life

    def __str__(self) -> str:
        return f"{self.run_id} {self.state}"

    @property
    def is_reading(self) -> bool:
        return self.state == LiveState.READING

    @property
    def is_broken(self) -> bool:
        return self.state == LiveState.BROKEN


class LivePiece(models.Model):
    """Holds a piece of text that a stream brought, never changed. Its key is its place among the run's pieces."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="live_pieces", db_index=False)
    part = models.CharField(max_length=200)  # the message or call it belongs to
    kind = models.CharField(max_length=10, choices=LivePieceKind.choices)
    label = models.CharField(max_length=200, blank=True)
    text = models.TextField()
    opens = models.BooleanField(default=False)  # it is the first of its part

    class Meta:
        indexes = [models.Index(fields=["run", "id"])]

    def __str__(self) -> str:
        return f"{self.id} of {self.part}"
