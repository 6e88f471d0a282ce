"""Addresses of the frame around every page, of jumps to any id, and of what probes ask for."""

from django.urls import path

from . import health, icon, policy_reports, shell

urlpatterns = [
    path("frame/", shell.frame, name="frame"),
    path("csp-report/", policy_reports.policy_report, name="csp_report"),
    path("icon/<int:number>.svg", icon.icon, name="icon"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]
