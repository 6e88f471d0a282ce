"""Keeps notes and labels of runs and threads, and the words that notes are found by. Knows no people's rights."""

from runsdash.index.fulltext.words import words_of
from runsdash.index.models import Label, Note, NoteWord, Run, Thread
from runsdash.index.models.notes import MAX_LABEL_CHARS

MOST_WORDS = 2000  # of one run's or thread's notes
Subject = Run | Thread


def owner_of(subject: Subject) -> dict[str, Subject | None]:
    """Returns the columns that say whose a row is."""
    return {"thread": subject.thread, "run": subject} if isinstance(subject, Run) else {"thread": subject, "run": None}


def label_name(text: str) -> str:
    """Writes a label as it is kept and looked for: small letters, single spaces."""
    return " ".join(text.casefold().split())[:MAX_LABEL_CHARS]


def notes_of(subject: Subject) -> list[Note]:
    return list(Note.objects.filter(**owner_of(subject)))


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


def give_label(subject: Subject, name: str, *, given_by: str, **columns: object) -> bool:
    """Gives a label unless it is there. Returns whether it was new."""
    defaults = {"given_by": given_by} | columns
    _, is_new = Label.objects.get_or_create(**owner_of(subject), name=label_name(name), defaults=defaults)
    return is_new
