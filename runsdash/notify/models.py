"""Stores rules, which say who gets notified of what, and one delivery for each event, rule and channel."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils import timezone

from runsdash.index.models import Connection, SavedView
from runsdash.index.search.filter_values import span_of
from runsdash.index.storage.column_types import Columns
from runsdash.index.totals.dollars import dollars_text
from runsdash.service.json_types import JsonFields


class Channel(models.TextChoices):
    WEBHOOK = "webhook", "webhook"
    SLACK = "slack", "Slack webhook"
    EMAIL = "email", "e-mail"


class Rule(models.Model):
    """Notifies its targets of events of single runs, or when a number of a view's runs is too high."""

    class Event(models.TextChoices):
        NEEDS_ACTION = "needs_action", "a run needs an answer"
        FAILURE = "failure", "a run failed, expired or stayed incomplete"
        STALE = "stale", "a run is stale"
        RUN_COUNT = "run_count", "more runs than … within a time"
        FAILURE_RATE = "failure_rate", "a larger share than … did not complete within a time"
        DAY_COST = "day_cost", "the runs of a day cost more than …"
        WAIT = "wait", "a run waits longer than …"

    WATCHING = (Event.RUN_COUNT, Event.FAILURE_RATE, Event.DAY_COST, Event.WAIT)  # they have a threshold
    OF_PERIOD = (Event.RUN_COUNT, Event.FAILURE_RATE)

    name = models.CharField(max_length=80)
    event = models.CharField(max_length=16, choices=Event.choices)
    emails = models.CharField(max_length=500, blank=True)  # addresses separated by commas
    webhook_url = models.CharField(max_length=500, blank=True)
    slack_url = models.CharField(max_length=500, blank=True)
    sealed_secret = models.TextField(blank=True)  # signs webhooks, see index/storage/sealed_keys.py
    connection = models.ForeignKey(
        Connection, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )  # of single runs; null: any
    assistant_id = models.CharField(max_length=200, blank=True)  # of single runs; empty: any
    error_code = models.CharField(max_length=200, blank=True)  # of failures; empty: any
    # Of a rule that watches a number, see conditions.py.
    view = models.ForeignKey(SavedView, null=True, blank=True, on_delete=models.PROTECT, related_name="rules")
    threshold = models.FloatField(null=True)  # runs, per cent, US dollars or seconds
    period_s = models.IntegerField(null=True)
    least_runs = models.IntegerField(default=5)  # of a share: fewer ended runs say nothing
    check_at = models.DateTimeField(null=True)  # when a worker counts again; null: never
    counted = models.FloatField(null=True)  # what was found last, as the threshold is measured
    counted_at = models.DateTimeField(null=True)
    is_above = models.BooleanField(default=False)
    crossings = models.IntegerField(default=0)  # how often it got above the threshold
    told = models.IntegerField(default=0)  # the last crossing that was told
    is_enabled = models.BooleanField(default=True)
    muted_until = models.DateTimeField(null=True)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)  # it tells nothing that was seen before

    class Meta:
        ordering = ["name", "id"]
        indexes = [
            models.Index(fields=["check_at"], name="rule_to_check", condition=models.Q(check_at__isnull=False)),
            models.Index(fields=["created_by", "name"]),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def targets(self) -> dict[Channel, str]:
        """Returns where it sends to, by channel."""
        every = {Channel.EMAIL: self.emails, Channel.WEBHOOK: self.webhook_url, Channel.SLACK: self.slack_url}
        return {channel: target for channel, target in every.items() if target}

    @property
    def watches(self) -> bool:
        return self.event in self.WATCHING

    @property
    def is_muted(self) -> bool:
        return self.muted_until is not None and self.muted_until > timezone.now()

    @property
    def when(self) -> str:
        """Says in words what it tells of."""
        limit, span = measured(self.event, self.threshold), span_of(self.period_s or 0)
        sentences = {
            self.Event.RUN_COUNT: f"more than {limit} runs in {span}",
            self.Event.FAILURE_RATE: f"more than {limit} of the runs in {span} did not complete",
            self.Event.DAY_COST: f"the runs of a day cost more than {limit}",
            self.Event.WAIT: f"a run waits longer than {limit}",
        }
        return sentences.get(self.Event(self.event)) or self.get_event_display()

    @property
    def counted_words(self) -> str:
        return measured(self.event, self.counted)


def measured(event: str, number: float | None) -> str:
    """Writes what a rule of this event counts, with its unit."""
    if number is None:
        return ""
    if event == Rule.Event.DAY_COST:
        return dollars_text(number)
    if event == Rule.Event.FAILURE_RATE:
        return f"{number:.4g} %"
    return span_of(int(number)) if event == Rule.Event.WAIT else f"{number:,.0f}"


class DeliveryState(models.TextChoices):
    DUE = "due", "due"
    SENT = "sent", "sent"
    FAILED = "failed", "given up"
    MUTED = "muted", "muted"


class Delivery(models.Model):
    """Carries one event to one target: due, sent, given up or muted. The row is the record of the work."""

    TEST = "test:"  # how the key of a made-up event begins
    MUTED = "muted:"  # and that of an event which a muted rule kept to itself

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=8, choices=Channel.choices)
    event_key = models.CharField(max_length=120)  # names the event; once a rule and channel
    body = models.JSONField()
    state = models.CharField(max_length=8, choices=DeliveryState.choices, default=DeliveryState.DUE)
    attempts = models.IntegerField(default=0)
    due_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=300, blank=True)  # the target's status, or why nothing was sent
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rule", "event_key", "channel"], name="event_once_a_rule_and_channel")
        ]
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


def add_deliveries(rule: Rule, *, key: str, body: JsonFields) -> int:
    """Adds a delivery of an event for each target that has none. Those of a muted rule stay here."""
    now, added = timezone.now(), 0
    for channel in rule.targets:
        columns: Columns = {"body": body, "due_at": now}
        if rule.is_muted:
            columns |= {"state": DeliveryState.MUTED, "answer": muted_words(rule.muted_until)}
        event_key = f"{Delivery.MUTED if rule.is_muted else ''}{key}"
        _, is_new = Delivery.objects.get_or_create(rule=rule, event_key=event_key, channel=channel, defaults=columns)
        added += is_new
    return added


def muted_words(until: datetime | None) -> str:
    return f"not sent: muted until {until:%Y-%m-%d %H:%M} UTC"
