"""Lets a saved view be of the thread list."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("index", "0026_saved_overviews")]

    operations = [
        migrations.AlterField(
            model_name="savedview",
            name="page",
            field=models.CharField(
                choices=[("runs", "runs"), ("threads", "threads"), ("overview", "overview")],
                default="runs",
                max_length=8,
            ),
        ),
    ]
