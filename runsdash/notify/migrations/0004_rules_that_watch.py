"""Gives rules several targets and something to watch: a number of the runs of a saved view."""

import django.db.models.deletion
from django.db import migrations, models

COLUMNS = {"webhook": "webhook_url", "email": "emails"}


def move_targets(apps, schema_editor):
    alias = schema_editor.connection.alias
    rules = apps.get_model("notify", "Rule").objects.using(alias)
    deliveries = apps.get_model("notify", "Delivery").objects.using(alias)
    for channel, column in COLUMNS.items():
        rules.filter(channel=channel).update(**{column: models.F("target")})
        deliveries.filter(rule__in=rules.filter(channel=channel).values("pk")).update(channel=channel)


class Migration(migrations.Migration):
    dependencies = [("notify", "0003_words"), ("index", "0022_sums_by_assistant")]

    operations = [
        migrations.RemoveConstraint(
            model_name="delivery",
            name="event_once_a_rule",
        ),
        migrations.AddField(
            model_name="delivery",
            name="channel",
            field=models.CharField(
                choices=[("webhook", "webhook"), ("slack", "Slack webhook"), ("email", "e-mail")],
                default="webhook",
                max_length=8,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="rule",
            name="check_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="rule",
            name="counted",
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name="rule",
            name="counted_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="rule",
            name="crossings",
            field=models.IntegerField(default=0),
        ),
        migrations.AddField(
            model_name="rule",
            name="emails",
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name="rule",
            name="is_above",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="rule",
            name="least_runs",
            field=models.IntegerField(default=5),
        ),
        migrations.AddField(
            model_name="rule",
            name="muted_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="rule",
            name="period_s",
            field=models.IntegerField(null=True),
        ),
        migrations.AddField(
            model_name="rule",
            name="slack_url",
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name="rule",
            name="threshold",
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name="rule",
            name="told",
            field=models.IntegerField(default=0),
        ),
        migrations.AddField(
            model_name="rule",
            name="view",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="rules",
                to="index.savedview",
            ),
        ),
        migrations.AddField(
            model_name="rule",
            name="webhook_url",
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.RunPython(move_targets, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name="rule",
            name="channel",
        ),
        migrations.RemoveField(
            model_name="rule",
            name="target",
        ),
        migrations.AlterField(
            model_name="delivery",
            name="state",
            field=models.CharField(
                choices=[("due", "due"), ("sent", "sent"), ("failed", "given up"), ("muted", "muted")],
                default="due",
                max_length=8,
            ),
        ),
        migrations.AlterField(
            model_name="rule",
            name="event",
            field=models.CharField(
                choices=[
                    ("needs_action", "a run needs an answer"),
                    ("failure", "a run failed, expired or stayed incomplete"),
                    ("stale", "a run is stale"),
                    ("run_count", "more runs than … within a time"),
                    ("failure_rate", "a larger share than … did not complete within a time"),
                    ("day_cost", "the runs of a day cost more than …"),
                    ("wait", "a run waits longer than …"),
                ],
                max_length=16,
            ),
        ),
        migrations.AddIndex(
            model_name="rule",
            index=models.Index(
                condition=models.Q(("check_at__isnull", False)), fields=["check_at"], name="rule_to_check"
            ),
        ),
        migrations.AddIndex(
            model_name="rule",
            index=models.Index(fields=["created_by", "name"], name="notify_rule_created_513be0_idx"),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(
                fields=("rule", "event_key", "channel"), name="event_once_a_rule_and_channel"
            ),
        ),
    ]
