"""Addresses of every page of the dashboard, from one list a folder, the more particular ones first."""

from django.urls import include, path, register_converter

from runsdash.dashboard.shell.converters import IdConverter

register_converter(IdConverter, "id")

FOLDERS = (
    "overview",
    "shell",
    "find",
    "inbox",
    "run_actions",
    "run",
    "runs",
    "assistants",
    "threads",
    "compare",
    "admin",
)

urlpatterns = [path("", include(f"runsdash.dashboard.{folder}.urls")) for folder in FOLDERS]
