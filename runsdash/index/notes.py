"""Keeps notes and labels of runs and threads, and the words that notes are found by. Knows no people's rights."""

from typing import TypedDict

from django.db.models import Value

from runsdash.index.fulltext.words import words_of
from runsdash.index.models import Label, Note, NoteWord, Run, Thread
from runsdash.index.models.notes import MAX_LABEL_CHARS
from runsdash.index.storage.column_types import ColumnValue

NOTE_COLUMNS = ("pk", "note_id", "step_id", "text", "written_by", "written_at")
MOST_WORDS = 2000  # of one run's or thread's notes
Subject = Run | Thread


class Owner(TypedDict):
    """Holds the columns that say whose a row is."""

    thread: Thread
    run: Run | None


def owner_of(subject: Subject) -> Owner:
    """Returns the columns that say whose a row is."""
    return {"thread": subject.thread, "run": subject} if isinstance(subject, Run) else {"thread": subject, "run": None}


def label_name(text: str) -> str:
    """Writes a label as it is kept and looked for: small letters, single spaces."""
    return " ".join(text.casefold().split())[:MAX_LABEL_CHARS]


def notes_and_labels_of(subject: Subject) -> tuple[list[Note], list[str]]:
    """Returns the notes, oldest first, and the labels in order: by one statement, since most have neither."""
    owner, nothing = owner_of(subject), Value("")
    notes = Note.objects.filter(**owner).order_by().values_list(*NOTE_COLUMNS)
    labels = (
        Label.objects.filter(**owner).order_by().values_list("pk", nothing, nothing, "name", "given_by", "given_at")
    )
    rows = list(notes.union(labels, all=True))
    found = [Note(**owner, **dict(zip(NOTE_COLUMNS, row, strict=True))) for row in rows if row[1]]
    return sorted(found, key=lambda note: (note.written_at, note.pk)), sorted(row[3] for row in rows if not row[1])


def labels_of(subject: Subject) -> list[str]:
    return list(Label.objects.filter(**owner_of(subject)).order_by("name").values_list("name", flat=True))


def reindex_notes(subject: Subject) -> None:
    """Makes the words of the notes anew. Call it in the transaction that changes them."""
    owner = owner_of(subject)
    words = {word for note in Note.objects.filter(**owner) for word in words_of(note.text)}
    rows = NoteWord.objects.filter(**owner)
    rows.exclude(word__in=words).delete()
    NoteWord.objects.bulk_create(
        [NoteWord(**owner, word=word) for word in sorted(words)[:MOST_WORDS]], ignore_conflicts=True
    )


def give_label(subject: Subject, name: str, *, given_by: str, **columns: ColumnValue) -> bool:
    """Gives a label unless it is there. Returns whether it was new."""
    defaults = {"given_by": given_by} | columns
    _, is_new = Label.objects.get_or_create(**owner_of(subject), name=label_name(name), defaults=defaults)
    return is_new
