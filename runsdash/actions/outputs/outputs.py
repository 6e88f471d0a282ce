"""Holds tool outputs beside the trail: drafts, claims, the last ones sent, templates, and schemas of functions.

Models only. `run_upstream_id` and `call_id` are the upstream's ids; a draft outlives its run's copy.
"""

import json
from typing import Any

from django.conf import settings
from django.db import models

from runsdash.index.models import Connection
from runsdash.service.json_types import Json, JsonLike


class Draft(models.Model):
    """Holds what one person typed for one call and has not sent. Survives reload, expiry and sign-out."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+", db_index=False)
    run_upstream_id = models.CharField(max_length=200)
    call_id = models.CharField(max_length=200)
    function_name = models.CharField(max_length=200, blank=True)
    text = models.TextField()
    saved_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "connection", "run_upstream_id", "call_id"], name="draft_once")
        ]
        indexes = [models.Index(fields=["saved_at"]), models.Index(fields=["connection", "run_upstream_id"])]

    def __str__(self) -> str:
        return f"{self.call_id} of {self.run_upstream_id}"


class Claim(models.Model):
    """Says that somebody is answering a run, since when, and when they last pressed a key. It locks nothing."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+", db_index=False)
    run_upstream_id = models.CharField(max_length=200)
    since = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "connection", "run_upstream_id"], name="claim_once")]
        indexes = [models.Index(fields=["seen_at"])]

    def __str__(self) -> str:
        return f"{self.user_id} at {self.run_upstream_id}"


class SentOutput(models.Model):
    """Holds one of the last outputs that were sent for a function on a connection."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+", db_index=False)
    function_name = models.CharField(max_length=200)
    run_upstream_id = models.CharField(max_length=200)
    call_id = models.CharField(max_length=200)
    text = models.TextField()
    sent_by = models.CharField(max_length=150)
    sent_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["connection", "function_name", "id"])]

    def __str__(self) -> str:
        return f"{self.function_name} for {self.call_id}"


class OutputTemplate(models.Model):
    """Holds an output worth repeating, by name, for every run that calls the function."""

    function_name = models.CharField(max_length=200)
    name = models.CharField(max_length=80)
    text = models.TextField()
    made_by = models.CharField(max_length=150)
    made_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["function_name", "name"], name="template_once")]

    def __str__(self) -> str:
        return f"{self.function_name}: {self.name}"


class WrittenJSON(models.TextField):  # type: ignore[type-arg]  # Django's class takes none
    """Keeps JSON as text: PostgreSQL's type for it forgets the order of keys, in which people wrote them."""

    def from_db_value(self, value: str | None, *_: Any) -> Json:
        return None if value is None else json.loads(value)

    def get_prep_value(self, value: JsonLike) -> str | None:
        return None if value is None else json.dumps(value)


class OutputSchema(models.Model):
    """Holds the JSON Schema that outputs of a function have to satisfy."""

    function_name = models.CharField(max_length=200, unique=True)
    schema = WrittenJSON()
    changed_by = models.CharField(max_length=150)
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.function_name
