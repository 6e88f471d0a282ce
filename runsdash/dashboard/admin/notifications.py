"""Manages notification rules and shows their deliveries. Administrators only."""

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from runsdash.accounts.guards import admin_required
from runsdash.actions.notifications import remove_rule, save_rule
from runsdash.index.storage.sealed_keys import unseal
from runsdash.notify.events import add_test_delivery
from runsdash.notify.models import Delivery, Rule
from runsdash.notify.targets import TargetRefused, checked_url

DELIVERIES_SHOWN = 50


class RuleForm(forms.ModelForm):
    """Parses a rule. The secret is made here and shown on the rule's page."""

    class Meta:
        model = Rule
        fields = ("name", "event", "channel", "target", "assistant_id", "error_code", "is_enabled")
        labels = {"event": "When", "channel": "How", "target": "To"}
        labels |= {"assistant_id": "Only this assistant", "error_code": "Only this error"}
        help_texts = {
            "name": "For people.",
            "target": "A URL for a webhook, e-mail addresses separated by commas for e-mail.",
            "assistant_id": "Its id; empty for any.",
            "error_code": "Of failures, for example rate_limit_exceeded; empty for any.",
        }

    def clean(self) -> dict[str, object]:
        cleaned = super().clean()
        target = cleaned.get("target") or ""
        try:
            if cleaned.get("channel") == Rule.Channel.WEBHOOK:
                checked_url(target)
            elif target:
                for address in target.split(","):
                    forms.EmailField().clean(address.strip())
        except TargetRefused as refused:
            self.add_error("target", str(refused))
        except forms.ValidationError:
            self.add_error("target", "These are not e-mail addresses separated by commas.")
        return cleaned


@admin_required
@require_safe
def notifications(request: HttpRequest) -> HttpResponse:
    recent = Delivery.objects.select_related("rule").order_by("-pk")[:DELIVERIES_SHOWN]
    return render(
        request, "admin/notifications/notifications.html", {"rules": Rule.objects.all(), "deliveries": recent}
    )


@admin_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    form = RuleForm(request.POST or None, initial={"is_enabled": True})
    if request.method == "POST" and form.is_valid():
        return saved(request, form)
    return rule_page(request, form, status=422 if form.is_bound else 200)


@admin_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, key: int) -> HttpResponse:
    rule = rule_named(key)
    form = RuleForm(request.POST or None, instance=rule)
    if request.method == "POST" and form.is_valid():
        return saved(request, form)
    return rule_page(request, form, rule=rule_named(key), status=422 if form.is_bound else 200)


@admin_required
@require_POST
def remove(request: HttpRequest, key: int) -> HttpResponse:
    rule = rule_named(key)
    remove_rule(actor=request.user, rule=rule)
    messages.success(request, f"The rule {rule.name} is removed.")
    return HttpResponseRedirect(reverse("notifications"))


@admin_required
@require_POST
def test(request: HttpRequest, key: int) -> HttpResponse:
    """Leaves a made-up event to the worker; the rule's page shows what comes of it."""
    rule = rule_named(key)
    add_test_delivery(rule)
    messages.info(request, f"The worker sends a test of {rule.name}. Its answer appears among the deliveries.")
    return HttpResponseRedirect(reverse("notification_rule", args=[key]))


@admin_required
@require_safe
def deliveries(request: HttpRequest, key: int) -> HttpResponse:
    """Shows the deliveries of a rule; polled while a test is under way."""
    return render(request, "admin/notifications/_of_rule.html", deliveries_of(rule_named(key)))


def deliveries_of(rule: Rule) -> dict[str, object]:
    shown = list(rule.deliveries.order_by("-pk")[:DELIVERIES_SHOWN])
    return {"rule": rule, "deliveries": shown, "is_testing": any(one.is_test_under_way for one in shown)}


def rule_named(key: int) -> Rule:
    rule = Rule.objects.filter(pk=key).first()
    if rule is None:
        raise Http404("There is no such rule.")
    return rule


def saved(request: HttpRequest, form: RuleForm) -> HttpResponse:
    rule = save_rule(actor=request.user, rule=form.instance)
    messages.success(request, f"The rule {rule.name} is saved.")
    return HttpResponseRedirect(reverse("notification_rule", args=[rule.pk]))


def rule_page(request: HttpRequest, form: RuleForm, *, rule: Rule | None = None, status: int = 200) -> HttpResponse:
    secret = unseal(rule.sealed_secret) if rule else ""
    context = {"form": form, "rule": rule, "secret": secret} | (deliveries_of(rule) if rule else {})
    return render(request, "admin/notifications/rule.html", context, status=status)
