"""Shows the notes and labels of a run or thread, adds and removes them. Nothing is sent upstream."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods, require_POST

from runsdash.accounts.guards import UserRequest, operator_required, viewer_required
from runsdash.actions.notes import add_label, add_note, remove_label, remove_note
from runsdash.dashboard.shell.links import list_url, run_url, thread_url, with_connection
from runsdash.dashboard.shell.lookup import indexed_run, indexed_thread
from runsdash.index.models import Note, Run, RunStep
from runsdash.index.models.notes import MAX_LABEL_CHARS, MAX_NOTE_CHARS
from runsdash.index.notes import Subject, label_name, notes_and_labels_of, owner_of
from runsdash.index.search.filter_grammar import text_of
from runsdash.index.search.filter_names import Clause
from runsdash.index.storage.storable_text import ID_CHARS


@dataclass
class Notes:
    """Shows what people noted on a run or thread. `form` is bound where a note was refused.

    `are_there`: False where the reader's statement has told already that there is nothing.
    """

    subject: Subject
    step_id: str = ""
    form: forms.Form | None = None
    label_error: str = ""
    typed_label: str = ""
    are_there: bool = True

    @property
    def is_of_run(self) -> bool:
        return isinstance(self.subject, Run)

    @cached_property
    def found(self) -> tuple[list[Note], list[str]]:
        return notes_and_labels_of(self.subject) if self.are_there else ([], [])

    @cached_property
    def labels(self) -> list[tuple[str, str]]:
        """Returns each label with the address of the list of what has it."""
        return [
            (name, list_url("runs" if self.is_of_run else "threads", text_of(Clause("label", name))))
            for name in self.found[1]
        ]

    @property
    def is_open(self) -> bool:
        return bool((self.form and self.form.errors) or self.label_error)

    @property
    def url(self) -> str:
        return self.url_of("notes")

    @property
    def labels_url(self) -> str:
        return self.url_of("labels")

    @property
    def page_url(self) -> str:
        return run_url(self.subject) if isinstance(self.subject, Run) else thread_url(self.subject)

    def url_of(self, what: str) -> str:
        if isinstance(self.subject, Run):
            return run_url(self.subject, f"run_{what}")
        return thread_url(self.subject, f"thread_{what}")

    def rows(self) -> list[tuple[Note, str, str]]:
        """Returns each note with the addresses of its step and of its removal."""
        return [
            (
                note,
                run_url(self.subject, step=note.step_id) if note.step_id and isinstance(self.subject, Run) else "",
                with_connection(f"{self.url.partition('?')[0]}{note.pk}/remove/", self.subject),
            )
            for note in self.found[0]
        ]


class NoteForm(forms.Form):
    """Parses a note. A step has to be one of the run."""

    text = forms.CharField(max_length=MAX_NOTE_CHARS, error_messages={"required": "Write what there is to note."})
    step_id = forms.CharField(required=False, max_length=ID_CHARS)

    def __init__(self, *given: Any, subject: Subject, **more: Any) -> None:
        super().__init__(*given, **more)
        self.subject = subject

    def clean_step_id(self) -> str:
        step_id: str = self.cleaned_data["step_id"]
        if step_id and not (
            isinstance(self.subject, Run) and RunStep.objects.filter(run=self.subject, upstream_id=step_id).exists()
        ):
            raise forms.ValidationError("This run has no such step in the index.")
        return step_id


@require_http_methods(["GET", "HEAD", "POST"])
@viewer_required
def notes(request: UserRequest, thread_id: str, run_id: str = "") -> HttpResponse:
    """Shows the notes alone on a page; on POST adds one."""
    if request.method == "POST":
        return add(request, thread_id, run_id)
    subject = subject_of(request, thread_id, run_id)
    return page(request, Notes(subject, step_id=request.GET.get("step", "")[:ID_CHARS]))


@operator_required
def add(request: UserRequest, thread_id: str, run_id: str) -> HttpResponse:
    subject = subject_of(request, thread_id, run_id)
    form = NoteForm(request.POST, subject=subject)
    if not form.is_valid():
        return page(request, Notes(subject, form=form), status=422)
    add_note(actor=request.user, subject=subject, **form.cleaned_data)
    return back(request, subject, "The note is kept.")


@require_POST
@operator_required
def remove(request: UserRequest, thread_id: str, key: int, run_id: str = "") -> HttpResponse:
    subject = subject_of(request, thread_id, run_id)
    note = get_object_or_404(Note, pk=key, **owner_of(subject))
    remove_note(actor=request.user, subject=subject, note=note)
    return back(request, subject, "The note is removed.")


@require_POST
@operator_required
def labels(request: UserRequest, thread_id: str, run_id: str = "") -> HttpResponse:
    """Adds the label in `label`, or takes away the one in `remove`."""
    subject, name = subject_of(request, thread_id, run_id), request.POST.get("label", "")
    if gone := request.POST.get("remove"):
        remove_label(actor=request.user, subject=subject, name=gone)
        return back(request, subject, f"The label {label_name(gone)} is removed.")
    if not label_name(name) or len(name.strip()) > MAX_LABEL_CHARS:
        error = f"A label has between one and {MAX_LABEL_CHARS} characters."
        return page(request, Notes(subject, label_error=error, typed_label=name), status=422)
    add_label(actor=request.user, subject=subject, name=name)
    return back(request, subject, f"The label {label_name(name)} is given.")


def subject_of(request: UserRequest, thread_id: str, run_id: str) -> Subject:
    if run_id:
        return indexed_run(request, thread_id=thread_id, run_id=run_id)
    return indexed_thread(request, thread_id=thread_id)


def back(request: UserRequest, subject: Subject, text: str) -> HttpResponse:
    messages.success(request, text)
    return HttpResponseRedirect(f"{Notes(subject).page_url}#notes")


def page(request: UserRequest, notes: Notes, *, status: int = 200) -> HttpResponse:
    return render(request, "run_actions/notes.html", {"notes": notes}, status=status)
