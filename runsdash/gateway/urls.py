"""Addresses that programs talk to."""

from django.urls import path

from .ingest import ingest

urlpatterns = [path("ingest/<slug:slug>/", ingest, name="ingest")]
