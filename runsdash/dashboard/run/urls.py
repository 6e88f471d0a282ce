"""One run: its page, what it polls and streams, its objects as received, its files."""

from django.urls import path

from runsdash.dashboard.shell.links import RUN

from . import (
    copy_as_view,
    export_view,
    files_view,
    live_view,
    raw_views,
    stream_view,
    views,
)

urlpatterns = [
    path(RUN, views.show, name="run"),
    path(RUN + "live/", live_view.run, name="run_live"),
    path(RUN + "stream/", stream_view.stream, name="run_stream"),
    path(RUN + "copy-as/", copy_as_view.copy_as, name="copy_as"),
    path(RUN + "raw.json", raw_views.run, name="run_raw"),
    path(RUN + "export.zip", export_view.run_zip, name="run_zip"),
    path(RUN + "steps/<id:step_id>/raw.json", raw_views.step, name="step_raw"),
    path("messages/<id:message_id>/raw.json", raw_views.message, name="message_raw"),
    path("files/<id:file_id>/", files_view.file, name="file"),
]
