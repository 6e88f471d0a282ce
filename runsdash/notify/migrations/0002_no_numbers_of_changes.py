"""Hands what no rule has looked at yet over to the status changes themselves, which say what is to be told."""

from datetime import timedelta

from django.db import migrations
from django.db.models import Min
from django.db.models.functions import Now

TOLD = ("requires_action", "failed", "incomplete", "expired")
RECENT = timedelta(hours=1)


def hand_over(apps, schema_editor):
    alias = schema_editor.connection.alias
    rules = apps.get_model("notify", "Rule").objects.using(alias).filter(is_enabled=True)
    first = rules.exclude(event="stale").aggregate(first=Min("seen_up_to"))["first"]
    if first is not None:
        # A delivery is made once for each rule and change, so what another rule has told already is not told again.
        changes = apps.get_model("index", "StatusSeen").objects.using(alias).filter(pk__gt=first, status__in=TOLD)
        changes.filter(seen_at__gte=Now() - RECENT).update(is_to_tell=True)


class Migration(migrations.Migration):
    dependencies = [("notify", "0001_initial"), ("index", "0012_status_changes_to_tell")]

    operations = [
        migrations.RunPython(hand_over, migrations.RunPython.noop),
        migrations.RemoveField(model_name="rule", name="seen_up_to"),
    ]
