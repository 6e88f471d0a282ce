"""Stores rules, which say who gets notified of what, and one delivery for each event and rule."""

from django.db import models


class Rule(models.Model):
    """Notifies one target of one kind of event, by webhook or e-mail."""

    class Event(models.TextChoices):
        NEEDS_ACTION = "needs_action", "a run needs an answer"
        FAILURE = "failure", "a run failed, expired or stayed incomplete"
        STALE = "stale", "a run is stale"

    class Channel(models.TextChoices):
        WEBHOOK = "webhook", "webhook"
        EMAIL = "email", "e-mail"

    name = models.CharField(max_length=80)
    event = models.CharField(max_length=16, choices=Event.choices)
    channel = models.CharField(max_length=8, choices=Channel.choices)
    target = models.CharField(max_length=500)  # URL, or addresses separated by commas
    sealed_secret = models.TextField(blank=True)  # signs webhooks, see index/storage/sealed_keys.py
    assistant_id = models.CharField(max_length=200, blank=True)  # empty: any
    error_code = models.CharField(max_length=200, blank=True)  # of failures; empty: any
    is_enabled = models.BooleanField(default=True)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)  # it tells nothing that was seen before

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class DeliveryState(models.TextChoices):
    DUE = "due", "due"
    SENT = "sent", "sent"
    FAILED = "failed", "given up"


class Delivery(models.Model):
    """Carries one event to one target: due, sent, or given up. The row is the record of the work."""

    TEST = "test:"  # how the key of a made-up event begins

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="deliveries")
    event_key = models.CharField(max_length=120)  # names the event; once a rule
    body = models.JSONField()
    state = models.CharField(max_length=8, choices=DeliveryState.choices, default=DeliveryState.DUE)
    attempts = models.IntegerField(default=0)
    due_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=300, blank=True)  # the target's status, or why nothing was sent
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["rule", "event_key"], name="event_once_a_rule")]
        indexes = [
            models.Index(fields=["due_at"], name="delivery_due", condition=models.Q(state="due")),
            models.Index(fields=["rule", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.event_key} to {self.rule_id}"

    @property
    def is_test(self) -> bool:
        return self.event_key.startswith(self.TEST)

    @property
    def is_test_under_way(self) -> bool:
        return self.is_test and self.state == DeliveryState.DUE
