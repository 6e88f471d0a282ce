"""Stores what people note on threads and runs: notes, the words to find them by, and labels.

A row of a thread itself has no run. No upstream knows of them.
"""

import secrets

from django.db import models
from django.db.models import Q
from django.utils import timezone

from .runs import Run
from .threads import Thread

OF_RUN, OF_THREAD = Q(run__isnull=False), Q(run__isnull=True)
MAX_LABEL_CHARS = 40
MAX_NOTE_CHARS = 4000


def new_note_id() -> str:
    return secrets.token_hex(8)


class Note(models.Model):
    """Stores a text of a person. `note_id` is the same in an export; `step_id` names a step of the run."""

    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="notes")
    run = models.ForeignKey(Run, null=True, on_delete=models.CASCADE, related_name="notes")
    note_id = models.CharField(max_length=32, default=new_note_id)
    step_id = models.CharField(max_length=200, blank=True)
    text = models.TextField()
    written_by = models.CharField(max_length=150)
    written_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["written_at", "id"]
        constraints = [models.UniqueConstraint(fields=["thread", "note_id"], name="note_once_a_thread")]

    def __str__(self) -> str:
        return self.note_id


class NoteWord(models.Model):
    """Stores a word of the notes of a run, or of a thread, once."""

    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="+", db_index=False)
    run = models.ForeignKey(Run, null=True, on_delete=models.CASCADE, related_name="note_words", db_index=False)
    word = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "word"], name="note_word_once_a_run", condition=OF_RUN),
            models.UniqueConstraint(fields=["thread", "word"], name="note_word_once_a_thread", condition=OF_THREAD),
        ]
        indexes = [
            models.Index(fields=["word", "run"], name="note_word_of_run", condition=OF_RUN),
            models.Index(fields=["word", "thread"], name="note_word_of_thread", condition=OF_THREAD),
        ]

    def __str__(self) -> str:
        return self.word


class Label(models.Model):
    """Stores a short word that people gave a run, or a thread. In small letters."""

    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="labels", db_index=False)
    run = models.ForeignKey(Run, null=True, on_delete=models.CASCADE, related_name="labels", db_index=False)
    name = models.CharField(max_length=MAX_LABEL_CHARS)
    given_by = models.CharField(max_length=150)
    given_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["run", "name"], name="label_once_a_run", condition=OF_RUN),
            models.UniqueConstraint(fields=["thread", "name"], name="label_once_a_thread", condition=OF_THREAD),
        ]
        indexes = [
            models.Index(fields=["thread"]),
            models.Index(fields=["name", "run"], name="label_of_run", condition=OF_RUN),
            models.Index(fields=["name", "thread"], name="label_of_thread", condition=OF_THREAD),
        ]

    def __str__(self) -> str:
        return self.name
