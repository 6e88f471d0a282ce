"""What can be done with a run: cancel it, change its metadata, run it again, start a new one."""

from django.urls import path

from runsdash.dashboard.shell.links import RUN

from . import cancel_view, metadata_view, new_run_views, rerun_view

urlpatterns = [
    path("runs/new/", new_run_views.on_new_thread, name="new_thread_run"),
    path("threads/<id:thread_id>/runs/new/", new_run_views.on_thread, name="new_run"),
    path(RUN + "cancel/", cancel_view.cancel, name="cancel"),
    path(RUN + "metadata/", metadata_view.metadata, name="metadata"),
    path(RUN + "rerun/", rerun_view.rerun, name="rerun"),
]
