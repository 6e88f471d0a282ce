"""Splits `has_all_steps`: of an active run it said that the walk through its steps had got to the last one."""

from django.db import migrations, models
from django.db.models.functions import Now

ENDED = ("completed", "failed", "cancelled", "expired", "incomplete")


def split(apps, schema_editor):
    runs = apps.get_model("index", "Run").objects.using(schema_editor.connection.alias).filter(has_all_steps=True)
    runs.exclude(status__in=ENDED).update(has_all_steps=False, steps_walked_at=Now())


class Migration(migrations.Migration):
    dependencies = [("index", "0007_refusals_of_lists")]

    operations = [
        migrations.AddField(model_name="run", name="steps_walked_at", field=models.DateTimeField(null=True)),
        migrations.RunPython(split, migrations.RunPython.noop),
    ]
