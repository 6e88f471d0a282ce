"""Two runs side by side."""

from django.urls import path

from . import view

urlpatterns = [
    path("compare/", view.compare, name="compare"),
]
