"""Shows notification rules and their deliveries: to operators their own, to administrators all."""

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from runsdash.accounts.guards import UserRequest, operator_required
from runsdash.accounts.models import User
from runsdash.actions.notifications import mute_rule, remove_rule, save_rule
from runsdash.dashboard.shell.page_types import Context
from runsdash.index.storage.sealed_keys import unseal
from runsdash.notify.events import add_test_deliveries
from runsdash.notify.models import Delivery, Rule
from runsdash.notify.sending import without_mail_server

from .rule_form import RuleForm

DELIVERIES_SHOWN = 50
MUTE_HOURS = {"1": "1 hour", "8": "8 hours", "24": "1 day", "168": "1 week"}


@operator_required
@require_safe
def notifications(request: UserRequest) -> HttpResponse:
    rules = rules_of(request.user)
    recent = Delivery.objects.filter(rule__in=rules.order_by().values("pk")).select_related("rule")
    context = {"rules": rules, "deliveries": recent.order_by("-pk")[:DELIVERIES_SHOWN]}
    return render(request, "admin/notifications/notifications.html", context | surroundings())


@operator_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: UserRequest) -> HttpResponse:
    given = {"is_enabled": True, "view": request.GET.get("view", ""), "event": request.GET.get("event", "")}
    form = RuleForm(request.POST or None, user=request.user, initial=given)
    if request.method == "POST" and form.is_valid():
        return saved(request, form)
    return rule_page(request, form, status=422 if form.is_bound else 200)


@operator_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: UserRequest, key: int) -> HttpResponse:
    form = RuleForm(request.POST or None, user=request.user, instance=rule_named(request, key))
    if request.method == "POST" and form.is_valid():
        return saved(request, form)
    return rule_page(request, form, rule=rule_named(request, key), status=422 if form.is_bound else 200)


@operator_required
@require_POST
def remove(request: UserRequest, key: int) -> HttpResponse:
    rule = rule_named(request, key)
    remove_rule(actor=request.user, rule=rule)
    messages.success(request, f"The rule {rule.name} is removed.")
    return HttpResponseRedirect(reverse("notifications"))


@operator_required
@require_POST
def test(request: UserRequest, key: int) -> HttpResponse:
    """Leaves a made-up event to the worker; the rule's page shows what comes of it."""
    rule = rule_named(request, key)
    add_test_deliveries(rule)
    messages.info(request, f"The worker sends a test of {rule.name}. Its answer appears among the deliveries.")
    return HttpResponseRedirect(reverse("notification_rule", args=[key]))


@operator_required
@require_POST
def mute(request: UserRequest, key: int) -> HttpResponse:
    """Mutes a rule for some hours; without a known number of them it speaks again."""
    rule, hours = rule_named(request, key), request.POST.get("hours", "")
    until = timezone.now() + timedelta(hours=int(hours)) if hours in MUTE_HOURS else None
    mute_rule(actor=request.user, rule=rule, until=until)
    messages.success(
        request, f"{rule.name} is muted for {MUTE_HOURS[hours]}." if until else f"{rule.name} speaks again."
    )
    return HttpResponseRedirect(reverse("notification_rule", args=[key]))


@operator_required
@require_safe
def deliveries(request: UserRequest, key: int) -> HttpResponse:
    """Shows the deliveries of a rule; polled while a test is under way."""
    return render(request, "admin/notifications/_of_rule.html", deliveries_of(rule_named(request, key)))


def deliveries_of(rule: Rule) -> Context:
    shown = list(rule.deliveries.order_by("-pk")[:DELIVERIES_SHOWN])
    return {"rule": rule, "deliveries": shown, "is_testing": any(one.is_test_under_way for one in shown)}


def rules_of(user: User) -> QuerySet[Rule]:
    """Returns the rules that a person may see: their targets may be secret."""
    rules = Rule.objects.select_related("view", "connection")
    return rules if user.can_manage else rules.filter(created_by=user.get_username())


def rule_named(request: UserRequest, key: int) -> Rule:
    rule = rules_of(request.user).filter(pk=key).first()
    if rule is None:
        raise Http404("There is no such rule, or it is somebody else's.")
    return rule


def surroundings() -> Context:
    """Returns what a page says of the settings that messages depend on."""
    return {"without_mail_server": without_mail_server(), "public_url": settings.PUBLIC_URL}


def saved(request: UserRequest, form: RuleForm) -> HttpResponse:
    rule = save_rule(actor=request.user, rule=form.instance)
    messages.success(request, f"The rule {rule.name} is saved.")
    return HttpResponseRedirect(reverse("notification_rule", args=[rule.pk]))


def rule_page(request: UserRequest, form: RuleForm, *, rule: Rule | None = None, status: int = 200) -> HttpResponse:
    secret = unseal(rule.sealed_secret) if rule else ""
    context = {"form": form, "rule": rule, "secret": secret, "mute_hours": MUTE_HOURS} | surroundings()
    context |= deliveries_of(rule) if rule else {}
    return render(request, "admin/notifications/rule.html", context, status=status)
