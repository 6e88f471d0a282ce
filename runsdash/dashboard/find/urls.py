"""Addresses of the one box: its results, its suggestions, and the jump by id."""

from django.urls import path

from . import views

urlpatterns = [
    path("search/", views.search, name="search"),
    path("search/suggest/", views.suggest, name="search_suggest"),
    path("go/", views.go, name="go"),
]
