"""Adds, changes and removes notification rules for administrators, on the record."""

import secrets

from runsdash.accounts.models import User
from runsdash.index.storage.sealed_keys import seal
from runsdash.notify.models import Rule

from .audited_change import change

RECORDED = ("name", "event", "channel", "target", "assistant_id", "error_code", "is_enabled")


def picture(rule: Rule) -> dict[str, object]:
    """Returns what the trail keeps of a rule, never its secret."""
    return {name: getattr(rule, name) for name in RECORDED}


def save_rule(*, actor: User, rule: Rule) -> Rule:
    """Adds a rule, or keeps the changes of one."""
    is_new = rule.pk is None
    before = None if is_new else picture(Rule.objects.get(pk=rule.pk))
    if is_new:
        rule.created_by = actor.get_username()
        rule.sealed_secret = seal(secrets.token_urlsafe(32))

    def act() -> tuple[Rule, dict[str, object]]:
        rule.save()
        return rule, picture(rule)

    action = "notification_rule_added" if is_new else "notification_rule_changed"
    return change(actor=actor, action=action, right="can_manage", connection_slug="", act=act, before=before)


def remove_rule(*, actor: User, rule: Rule) -> None:
    def act() -> tuple[None, None]:
        rule.delete()
        return None, None

    change(
        actor=actor,
        action="notification_rule_removed",
        right="can_manage",
        connection_slug="",
        act=act,
        before=picture(rule),
    )
