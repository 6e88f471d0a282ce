"""Addresses of assistants: one page each, to read."""

from django.urls import path

from . import views

urlpatterns = [path("assistants/<id:assistant_id>/", views.assistant, name="assistant")]
