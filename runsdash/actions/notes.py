"""Adds and removes notes and labels of runs and threads, on the record. Nothing is sent upstream."""

from collections.abc import Callable

from django.core.exceptions import PermissionDenied

from runsdash.accounts.models import User
from runsdash.index.models import Label, Note, Run
from runsdash.index.notes import Subject, give_label, label_name, labels_of, owner_of, reindex_notes
from runsdash.index.storage.locks import hold_thread
from runsdash.index.storage.storable_text import storable
from runsdash.service.json_types import JsonFields

from .audited_change import Right, change


def changed(
    subject: Subject,
    *,
    actor: User,
    action: str,
    act: Callable[[], tuple[None, JsonFields]],
    before: JsonFields | None,
    right: Right = "can_act",
) -> None:
    """Carries out a change while nobody else changes the same notes."""
    is_run = isinstance(subject, Run)
    thread = subject.thread if isinstance(subject, Run) else subject

    def act_alone() -> tuple[None, JsonFields]:
        if not hold_thread(thread.pk):
            raise PermissionDenied("This thread was purged meanwhile.")
        return act()

    change(
        actor=actor,
        action=action,
        right=right,
        connection_slug=thread.connection.slug,
        act=act_alone,
        before=before,
        thread_id=thread.upstream_id,
        run_id=subject.upstream_id if is_run else "",
    )


def add_note(*, actor: User, subject: Subject, text: str, step_id: str = "") -> None:
    def act() -> tuple[None, JsonFields]:
        note = Note.objects.create(
            **owner_of(subject), text=storable(text), step_id=step_id, written_by=actor.get_username()
        )
        reindex_notes(subject)
        return None, picture(note)

    changed(subject, actor=actor, action="add_note", act=act, before=None)


def remove_note(*, actor: User, subject: Subject, note: Note) -> None:
    """Removes a note: one's own, or any as an administrator."""

    def act() -> tuple[None, JsonFields]:
        note.delete()
        reindex_notes(subject)
        return None, dict.fromkeys(picture(note), "")

    is_own = note.written_by == actor.get_username()
    right: Right = "can_act" if is_own else "can_manage"
    changed(subject, actor=actor, action="remove_note", act=act, before=picture(note), right=right)


def picture(note: Note) -> JsonFields:
    return {"note": note.text, "step_id": note.step_id, "written_by": note.written_by}


def add_label(*, actor: User, subject: Subject, name: str) -> None:
    def act() -> tuple[None, JsonFields]:
        give_label(subject, storable(name), given_by=actor.get_username())
        return None, {"labels": labels_of(subject)}

    before: JsonFields = {"labels": labels_of(subject)}
    changed(subject, actor=actor, action="add_label", act=act, before=before)


def remove_label(*, actor: User, subject: Subject, name: str) -> None:
    def act() -> tuple[None, JsonFields]:
        Label.objects.filter(**owner_of(subject), name=label_name(name)).delete()
        return None, {"labels": labels_of(subject)}

    before: JsonFields = {"labels": labels_of(subject)}
    changed(subject, actor=actor, action="remove_label", act=act, before=before)
