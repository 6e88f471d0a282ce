"""Addresses of the overview and its poll."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.overview, name="overview"),
    path("live/", views.live, name="overview_live"),
]
