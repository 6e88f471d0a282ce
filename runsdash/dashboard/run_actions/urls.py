"""Addresses of what can be done with a run: cancel it, change its metadata, run it again, start a new one."""

from django.urls import path

from runsdash.dashboard.shell.links import RUN

from . import cancel, metadata, new_run, rerun

urlpatterns = [
    path("runs/new/", new_run.on_new_thread, name="new_thread_run"),
    path("threads/<id:thread_id>/runs/new/", new_run.on_thread, name="new_run"),
    path(RUN + "cancel/", cancel.cancel, name="cancel"),
    path(RUN + "metadata/", metadata.metadata, name="metadata"),
    path(RUN + "rerun/", rerun.rerun, name="rerun"),
]
