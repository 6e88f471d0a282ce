"""Parses a notification rule. Saves nothing."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.db.models import Q

from runsdash.accounts.models import User
from runsdash.dashboard.runs.saved_views import seen_by
from runsdash.index.models import Connection, SavedView
from runsdash.index.search.filter_values import count_of, dollars_of, seconds_of, span_of
from runsdash.notify.models import Rule
from runsdash.notify.targets import TargetRefused, checked_url

Event = Rule.Event
LONGEST_S = 30 * 86400
THRESHOLDS: dict[str, tuple[Callable[[str], float | None], str]] = {  # how each is read, and what it looks like
    Event.RUN_COUNT: (count_of, "20"),
    Event.FAILURE_RATE: (lambda text: count_of(text.rstrip("% ")), "10 %"),
    Event.DAY_COST: (dollars_of, "5.00"),
    Event.WAIT: (seconds_of, "5m"),
}


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes none when it runs
    """Parses a rule. Its secret is made when it is saved, and shown on its page."""

    class Meta:
        model = Rule
        fields = (
            "name", "event", "view", "least_runs", "connection", "assistant_id", "error_code", "emails", "webhook_url",
            "slack_url", "is_enabled",
        )  # fmt: skip
        labels = {"event": "When", "view": "Runs of the saved view", "least_runs": "Fewest ended runs"}
        labels |= {
            "connection": "Only this connection",
            "assistant_id": "Only this assistant",
            "error_code": "Only this error",
        }
        labels |= {"emails": "E-mail to", "webhook_url": "Webhook", "slack_url": "Slack webhook"}
        help_texts = {
            "name": "For people; it begins each message.",
            "view": "None: all runs.",
            "least_runs": "For a share: of fewer runs it says nothing.",
            "assistant_id": "Its id; empty for any.",
            "error_code": "Of failures, for example rate_limit_exceeded; empty for any.",
            "emails": "Addresses separated by commas.",
            "webhook_url": "A URL that takes signed JSON.",
            "slack_url": "An incoming webhook of Slack, or of what takes the same.",
        }

    threshold = forms.CharField(
        required=False, max_length=20, label="Threshold", help_text="20 runs, 10 %, $5.00, or a time such as 5m."
    )
    period = forms.CharField(
        required=False, max_length=10, label="Within", help_text="For numbers of runs and shares: 15m, 1h, 7d."
    )

    def __init__(self, *given: Any, user: User, **more: Any) -> None:
        super().__init__(*given, **more)
        rule = self.instance
        shown = seen_by(user).values("pk")
        views = SavedView.objects.exclude(page=SavedView.Page.THREADS)  # rules count runs
        fields: dict[str, Any] = self.fields  # each has what its kind has
        fields["view"].queryset = views.filter(Q(pk__in=shown) | Q(pk=rule.view_id))
        fields["view"].empty_label = "all runs"
        fields["connection"].queryset = Connection.objects.order_by("slug")
        fields["connection"].empty_label = "any"
        fields["least_runs"].required = False
        if rule.watches and rule.threshold is not None:
            is_time = rule.event == Event.WAIT
            self.initial["threshold"] = span_of(int(rule.threshold)) if is_time else f"{rule.threshold:g}"
        if rule.period_s:
            self.initial["period"] = span_of(rule.period_s)

    def clean_least_runs(self) -> int:
        return max(1, self.cleaned_data.get("least_runs") or 1)

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        event = cleaned.get("event")
        self.instance.threshold = self.instance.period_s = None
        if event in Rule.WATCHING:
            self.read_condition(event, cleaned)
        elif event:
            cleaned["view"] = None
        self.check_targets(cleaned)
        return cleaned

    def read_condition(self, event: str, cleaned: dict[str, Any]) -> None:
        read, example = THRESHOLDS[event]
        self.instance.threshold = read((cleaned.get("threshold") or "").strip().replace(" ", ""))
        if self.instance.threshold is None:
            self.add_error("threshold", f"This needs a threshold such as {example}.")
        if event in Rule.OF_PERIOD:
            period = seconds_of((cleaned.get("period") or "").strip())
            if period is None or not 60 <= period <= LONGEST_S:
                self.add_error("period", "This needs a time between 1m and 30d, such as 15m.")
            else:
                self.instance.period_s = int(period)
        cleaned["connection"] = None
        cleaned["assistant_id"] = cleaned["error_code"] = ""

    def check_targets(self, cleaned: dict[str, Any]) -> None:
        for name in ("webhook_url", "slack_url"):
            try:
                if cleaned.get(name):
                    checked_url(cleaned[name])
            except TargetRefused as refused:
                self.add_error(name, str(refused))
        try:
            for address in filter(None, (cleaned.get("emails") or "").split(",")):
                forms.EmailField().clean(address.strip())
        except forms.ValidationError:
            self.add_error("emails", "These are not e-mail addresses separated by commas.")
        if not any(cleaned.get(name) or name in self.errors for name in ("emails", "webhook_url", "slack_url")):
            self.add_error(None, "Say whom to tell: an e-mail address, a webhook or a Slack webhook.")
