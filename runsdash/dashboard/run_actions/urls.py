"""Addresses of what can be done with a run: cancel it, change its metadata, note something, run it again."""

from django.urls import path

from runsdash.dashboard.shell.links import RUN

from . import cancel, metadata, new_run, notes, rerun

urlpatterns = [
    path("runs/new/", new_run.on_new_thread, name="new_thread_run"),
    path("threads/<id:thread_id>/runs/new/", new_run.on_thread, name="new_run"),
    path(RUN + "cancel/", cancel.cancel, name="cancel"),
    path(RUN + "metadata/", metadata.metadata, name="metadata"),
    path(RUN + "notes/", notes.notes, name="run_notes"),
    path(RUN + "notes/<int:key>/remove/", notes.remove, name="run_note_remove"),
    path(RUN + "labels/", notes.labels, name="run_labels"),
    path("threads/<id:thread_id>/notes/", notes.notes, name="thread_notes"),
    path("threads/<id:thread_id>/notes/<int:key>/remove/", notes.remove, name="thread_note_remove"),
    path("threads/<id:thread_id>/labels/", notes.labels, name="thread_labels"),
    path(RUN + "rerun/", rerun.rerun, name="rerun"),
]
