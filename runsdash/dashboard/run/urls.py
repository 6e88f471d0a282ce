"""Addresses of one run: its page and poll, its objects as received, its files."""

from django.urls import path

from runsdash.dashboard.shell.links import RUN

from . import (
    copy_as,
    export,
    files,
    raw,
    views,
)

urlpatterns = [
    path(RUN, views.show, name="run"),
    path(RUN + "live/", views.run, name="run_live"),
    path(RUN + "stream/", views.stream, name="run_stream"),
    path(RUN + "copy-as/", copy_as.copy_as, name="copy_as"),
    path(RUN + "raw.json", raw.run, name="run_raw"),
    path(RUN + "export.zip", export.run_zip, name="run_zip"),
    path(RUN + "steps/<id:step_id>/raw.json", raw.step, name="step_raw"),
    path("messages/<id:message_id>/raw.json", raw.message, name="message_raw"),
    path("messages/<id:message_id>/text/", raw.message_text, name="message_text"),
    path("files/<id:file_id>/", files.file, name="file"),
]
