"""Keeps when a run's row was first stored."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("index", "0012_status_changes_to_tell")]

    operations = [
        migrations.AddField(model_name="run", name="added_at", field=models.DateTimeField(null=True)),
        # The default comes second, so that old rows have none and SQLite rebuilds no table.
        migrations.AlterField(
            model_name="run",
            name="added_at",
            field=models.DateTimeField(default=django.utils.timezone.now, null=True),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(fields=["added_at"], name="run_added", condition=models.Q(("added_at__isnull", False))),
        ),
    ]
