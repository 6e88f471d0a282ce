"""Stores filters that people keep, and those that are too long for an address."""

from django.conf import settings
from django.db import models


class SavedView(models.Model):
    """Stores a named filter of the run list, the thread list or the overview, private or shared with everybody."""

    class Page(models.TextChoices):
        RUNS = "runs", "runs"
        THREADS = "threads", "threads"
        OVERVIEW = "overview", "overview"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=80)
    query = models.TextField(blank=True)  # ?q=
    sort = models.CharField(max_length=40, blank=True)
    page = models.CharField(max_length=8, choices=Page.choices, default=Page.RUNS)
    rest = models.CharField(max_length=300, blank=True)  # of the overview's address: its range and grouping
    is_shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="view_name_once_an_owner")]
        indexes = [models.Index(fields=["is_shared", "name"])]

    def __str__(self) -> str:
        return self.name

    @property
    def said(self) -> str:
        """Returns the filter as text, in words where it leaves nothing out."""
        return self.query or f"all {self.Page.THREADS if self.page == self.Page.THREADS else self.Page.RUNS}"


class KeptFilter(models.Model):
    """Stores a filter that an address names by a key, see index/kept_filters.py. Never changed."""

    key = models.CharField(max_length=20, primary_key=True)
    text = models.TextField()
    kept_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.key
