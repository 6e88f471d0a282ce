"""Keeps since when and why a connection refuses a list. What was believed without an age is asked for again."""

from django.db import migrations, models


def ask_again(apps, schema_editor):
    connections = apps.get_model("index", "Connection").objects
    for name in ("can_list_threads", "can_list_steps"):
        connections.filter(**{name: False}).update(**{name: None})


class Migration(migrations.Migration):
    dependencies = [("index", "0006_walks_in_doubt")]

    operations = [
        migrations.AddField(model_name="connection", name=f"{what}_{name}", field=field)
        for what in ("threads", "steps")
        for name, field in (
            ("refused_at", models.DateTimeField(null=True)),
            ("refusal", models.JSONField(null=True)),
        )
    ] + [migrations.RunPython(ask_again, migrations.RunPython.noop)]
