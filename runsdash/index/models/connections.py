"""One upstream server: where it is, how to sign in, how it has been answering."""

from django.db import models


class Connection(models.Model):
    """A Threads/Runs server. The one named `default` comes from the environment and its key is not stored."""

    class Kind(models.TextChoices):
        OPENAI = "openai", "OpenAI-compatible"
        AZURE_OPENAI = "azure-openai", "Azure OpenAI"
        FOUNDRY = "foundry", "Microsoft Foundry (classic)"
        SANDBOX = "sandbox", "embedded sandbox"

    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=100)
    base_url = models.CharField(max_length=500)
    kind = models.CharField(max_length=20, choices=Kind.choices, default=Kind.OPENAI)
    api_version = models.CharField(max_length=40, blank=True)
    sealed_key = models.TextField(blank=True)  # encrypted, see index/seal.py; empty for `default`
    timeout_s = models.FloatField(default=30.0)
    budget_per_min = models.IntegerField(default=600)
    is_from_environment = models.BooleanField(default=False)
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    # How it has been answering; written by sync at most once every few seconds.
    can_list_threads = models.BooleanField(null=True)  # null: not tried yet
    can_list_steps = models.BooleanField(null=True)
    last_success_at = models.DateTimeField(null=True)
    last_failure_at = models.DateTimeField(null=True)
    last_failure = models.JSONField(null=True)  # {"status", "message", "request_id"}
    paused_until = models.DateTimeField(null=True)  # the upstream's Retry-After: until then nobody reads
    writes_paused_until = models.DateTimeField(null=True)  # the same for writes, which servers count apart
    failures = models.IntegerField(default=0)  # of workers' reads, one after the other
    rests_until = models.DateTimeField(null=True)  # after failures workers keep still until then
    threads_listed_at = models.DateTimeField(null=True)
    threads_cursor = models.CharField(max_length=200, blank=True, default="")  # where the walk through the list goes on
    assistants_listed_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=32, blank=True)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug
