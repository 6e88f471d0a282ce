"""Addresses of the page that compares two runs."""

from django.urls import path

from . import view

urlpatterns = [
    path("compare/", view.compare, name="compare"),
]
