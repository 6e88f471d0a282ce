"""A job knows its account by key. The jobs that are there find theirs by the name they have kept."""

import django.db.models.deletion
from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def find_actors(apps: Apps, _: BaseDatabaseSchemaEditor) -> None:
    users = dict(apps.get_model("accounts", "User").objects.values_list("username", "pk"))
    jobs = apps.get_model("bulk", "BatchJob").objects
    for name in jobs.values_list("created_by", flat=True).distinct():
        jobs.filter(created_by=name).update(actor_id=users.get(name))


class Migration(migrations.Migration):
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL), ("bulk", "0002_batch")]

    operations = [
        migrations.AddField(
            "batchjob",
            "actor",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                db_index=False,
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RunPython(find_actors, migrations.RunPython.noop),
    ]
