"""Keeps since when and why a connection refuses to list a thread's runs."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("index", "0013_run_added_at")]

    operations = [
        migrations.AddField(model_name="connection", name=name, field=field)
        for name, field in (
            ("can_list_runs", models.BooleanField(null=True)),
            ("runs_refused_at", models.DateTimeField(null=True)),
            ("runs_refusal", models.JSONField(null=True)),
        )
    ]
