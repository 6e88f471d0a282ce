"""The frame around every page, jumps to any id, and what probes ask for."""

from django.urls import path

from . import frame_view, go_view, health_views

urlpatterns = [
    path("frame/", frame_view.frame, name="frame"),
    path("go/", go_view.go, name="go"),
    path("healthz", health_views.healthz, name="healthz"),
    path("readyz", health_views.readyz, name="readyz"),
    path("metrics", health_views.metrics, name="metrics"),
]
