"""Keeps of each walk through an upstream's list since when it is in doubt whether that showed everything."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("index", "0005_no_constraints_below_a_run")]

    operations = [
        migrations.AddField(model_name=model, name=name, field=models.DateTimeField(null=True))
        for model, name in (
            ("run", "steps_doubted_at"),
            ("thread", "messages_doubted_at"),
            ("thread", "runs_doubted_at"),
        )
    ]
