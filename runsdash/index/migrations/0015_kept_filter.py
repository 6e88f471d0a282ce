"""Filters that are too long for an address are kept. Those of saved views are linked to, so they are from now on."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def keep_those_of_views(apps: Apps, _: BaseDatabaseSchemaEditor) -> None:
    from runsdash.index.kept_filters import is_long, key_of

    views, kept = apps.get_model("index", "SavedView").objects, apps.get_model("index", "KeptFilter").objects
    for text in views.values_list("query", flat=True).distinct():
        if is_long(text):
            kept.get_or_create(key=key_of(text), defaults={"text": text})


class Migration(migrations.Migration):
    dependencies = [("index", "0014_refusals_of_run_lists")]

    operations = [
        migrations.CreateModel(
            "KeptFilter",
            [
                ("key", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("text", models.TextField()),
                ("kept_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.RunPython(keep_those_of_views, migrations.RunPython.noop),
    ]
