"""Stores upstream servers: where they are, how to sign in, how they have been answering."""

from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.dateparse import parse_datetime

# What a server refused is asked again: it is upgraded, a key is renewed, a proxy in front of it is mended.
LOOK_AGAIN_AFTER = timedelta(hours=1)  # there was no such operation
LACKING = (200, 404, 405, 501)  # what a server answers that has no such operation; 200: a whole where a part was asked
ASK_AGAIN_AFTER = timedelta(minutes=10)  # it was refused to this key


class Connection(models.Model):
    """Stores a Threads/Runs server. The one named `default` comes from the environment and its key is not stored."""

    class Kind(models.TextChoices):
        OPENAI = "openai", "OpenAI-compatible"
        AZURE_OPENAI = "azure-openai", "Azure OpenAI"
        FOUNDRY = "foundry", "Microsoft Foundry (classic)"
        FOUNDRY_LOCAL = "foundry-local", "Foundry Local"
        SANDBOX = "sandbox", "embedded sandbox"

    class Auth(models.TextChoices):
        USUAL = "", "as servers of this kind take it"
        BEARER = "bearer", "Authorization: Bearer"
        API_KEY = "api-key", "api-key"
        NONE = "none", "no key is sent"

    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=100)
    base_url = models.CharField(max_length=500, blank=True)  # "": no server, runs are imported or sent in
    kind = models.CharField(max_length=20, choices=Kind.choices, default=Kind.OPENAI)
    api_version = models.CharField(max_length=40, blank=True)
    sealed_key = models.TextField(blank=True)  # encrypted, see storage/sealed_keys.py; empty for `default`
    auth = models.CharField(max_length=10, choices=Auth.choices, blank=True, default="")
    organization = models.CharField(max_length=200, blank=True, default="")
    project = models.CharField(max_length=200, blank=True, default="")
    extra_query = models.JSONField(default=dict, blank=True)  # more parameters of every request
    sealed_headers = models.TextField(blank=True, default="")  # more headers as JSON, encrypted as the key is
    sealed_token = models.TextField(blank=True, default="")  # what the key command printed last, for all processes
    token_expires_at = models.DateTimeField(null=True)
    token_lease_until = models.DateTimeField(null=True)  # until then one process runs the command
    sunset_on = models.DateField(null=True, blank=True)  # the provider's last day
    gone_at = models.DateTimeField(null=True)  # when the base was found to answer 404 everywhere
    timeout_s = models.FloatField(default=30.0)
    budget_per_min = models.IntegerField(default=600)
    is_from_environment = models.BooleanField(default=False)
    is_enabled = models.BooleanField(default=True)
    customer_key = models.CharField(max_length=64, blank=True, default="")  # of a thread's metadata: whose it is
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    # How it has been answering; written by sync at most once every few seconds.
    can_list_threads = models.BooleanField(null=True)  # null: not known; False: see lacks_threads
    can_list_runs = models.BooleanField(null=True)
    can_list_steps = models.BooleanField(null=True)
    threads_refused_at = models.DateTimeField(null=True)  # when the list of threads was last refused
    threads_refusal = models.JSONField(null=True)  # and how, as in last_failure
    runs_refused_at = models.DateTimeField(null=True)
    runs_refusal = models.JSONField(null=True)
    steps_refused_at = models.DateTimeField(null=True)
    steps_refusal = models.JSONField(null=True)
    # By name of an operation: {"works", "at", "status", "message"}, of a test or of a write that was refused.
    capabilities = models.JSONField(default=dict, blank=True)
    tested_at = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    last_failure_at = models.DateTimeField(null=True)
    last_failure = models.JSONField(null=True)  # {"status", "message", "request_id"}
    paused_until = models.DateTimeField(null=True)  # the upstream's Retry-After: until then nobody reads
    writes_paused_until = models.DateTimeField(null=True)  # the same for writes, which servers count apart
    failures = models.IntegerField(default=0)  # of workers' reads, one after the other
    rests_until = models.DateTimeField(null=True)  # after failures workers keep still until then
    worker_seen_at = models.DateTimeField(null=True)  # when a worker last went round; null: none ever has
    threads_listed_at = models.DateTimeField(null=True)
    threads_cursor = models.CharField(max_length=200, blank=True, default="")  # where the walk through the list goes on
    assistants_listed_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=32, blank=True)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug

    @property
    def has_upstream(self) -> bool:
        """Is there a server at all? Without one, runs were imported or are sent in, and nobody is asked."""
        return bool(self.base_url)

    @property
    def is_retired(self) -> bool:
        """Is its provider gone: did it say so everywhere, or is its last day over?"""
        is_over = self.sunset_on is not None and self.sunset_on < timezone.now().date()
        return self.has_upstream and (is_over or self.gone_at is not None)

    @property
    def is_asked(self) -> bool:
        """May pages and workers ask it anything?"""
        return self.is_enabled and self.has_upstream and not self.is_retired

    def lack_of(self, operation: str) -> dict[str, Any] | None:
        """Returns how the server refused an operation lately because it has no such one; None when it did not."""
        found = self.capabilities.get(operation)
        if not isinstance(found, dict) or found.get("works") is not False or found.get("status") not in LACKING:
            return None
        at = parse_datetime(str(found.get("at")))
        return found if is_younger(at, LOOK_AGAIN_AFTER) else None

    @property
    def lacks_runs(self) -> bool:
        """Did the server say lately that it cannot list a thread's runs?"""
        return self.can_list_runs is False and is_younger(self.runs_refused_at, LOOK_AGAIN_AFTER)

    @property
    def lacks_steps(self) -> bool:
        """Did the server say lately that it cannot list run steps?"""
        return self.can_list_steps is False and is_younger(self.steps_refused_at, LOOK_AGAIN_AFTER)

    @property
    def lacks_threads(self) -> bool:
        """Was the list of threads refused lately: because there is none, or to this key?"""
        age = LOOK_AGAIN_AFTER if self.can_list_threads is False else ASK_AGAIN_AFTER
        return is_younger(self.threads_refused_at, age)


def is_younger(moment: datetime | None, age: timedelta) -> bool:
    return moment is not None and moment > timezone.now() - age
