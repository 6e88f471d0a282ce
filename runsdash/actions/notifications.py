"""Adds, changes, mutes and removes notification rules, on the record. Operators keep their own, admins all."""

import secrets
from datetime import datetime
from urllib.parse import urlsplit

from django.utils import timezone

from runsdash.accounts.models import User
from runsdash.index.storage.sealed_keys import seal
from runsdash.notify.models import Rule
from runsdash.service.json_types import JsonObject

from .audited_change import Right, change

CONDITION = ("event", "view_id", "threshold", "period_s", "least_runs", "is_enabled")
RECORDED = (*CONDITION, "name", "emails", "connection_id", "assistant_id", "error_code")
URLS = ("webhook_url", "slack_url")


def picture(rule: Rule) -> JsonObject:
    """Returns what the trail keeps of a rule: never its secret, and of URLs no path, which may be one."""
    kept: JsonObject = {name: getattr(rule, name) for name in RECORDED}
    for name in URLS:
        url = urlsplit(getattr(rule, name))
        kept[name] = f"{url.scheme}://{url.netloc}/…" if url.netloc else ""
    return kept


def right_over(rule: Rule, actor: User) -> Right:
    return "can_act" if rule.created_by == actor.get_username() else "can_manage"


def save_rule(*, actor: User, rule: Rule) -> Rule:
    """Adds a rule, or keeps the changes of one. One that watches something else now begins anew."""
    old = Rule.objects.filter(pk=rule.pk).first()
    before = picture(old) if old else None
    if old is None:
        rule.created_by = actor.get_username()
        rule.sealed_secret = seal(secrets.token_urlsafe(32))
    if old is None or any(getattr(old, name) != getattr(rule, name) for name in CONDITION):
        rule.is_above, rule.counted, rule.counted_at = False, None, None
        rule.check_at = timezone.now() if rule.watches and rule.is_enabled else None

    def act() -> tuple[Rule, JsonObject]:
        rule.save()
        return rule, picture(rule)

    action = "notification_rule_changed" if old else "notification_rule_added"
    right = right_over(old or rule, actor)
    return change(actor=actor, action=action, right=right, connection_slug="", act=act, before=before)


def mute_rule(*, actor: User, rule: Rule, until: datetime | None) -> None:
    """Keeps a rule silent until then; None ends that."""

    def act() -> tuple[None, JsonObject]:
        Rule.objects.filter(pk=rule.pk).update(muted_until=until)
        return None, {"name": rule.name, "muted_until": until.isoformat() if until else ""}

    change(
        actor=actor,
        action="notification_rule_muted" if until else "notification_rule_unmuted",
        right=right_over(rule, actor),
        connection_slug="",
        act=act,
        before={"name": rule.name, "muted_until": rule.muted_until.isoformat() if rule.muted_until else ""},
    )


def remove_rule(*, actor: User, rule: Rule) -> None:
    def act() -> tuple[None, None]:
        rule.delete()
        return None, None

    change(
        actor=actor,
        action="notification_rule_removed",
        right=right_over(rule, actor),
        connection_slug="",
        act=act,
        before=picture(rule),
    )
