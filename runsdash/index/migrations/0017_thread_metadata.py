"""Metadata pairs of threads get rows, so that threads and their runs are found by them."""

from itertools import islice

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

THREADS_AT_ONCE = 2000


def write_pairs(apps: Apps, _: BaseDatabaseSchemaEditor) -> None:
    from runsdash.index.snapshots.rows import metadata_pairs

    pairs = apps.get_model("index", "ThreadMetadata")
    threads = apps.get_model("index", "Thread").objects.exclude(metadata={}).values_list("pk", "metadata")
    rows = threads.iterator(chunk_size=THREADS_AT_ONCE)
    while some := list(islice(rows, THREADS_AT_ONCE)):
        made = [
            pairs(thread_id=key, key=name, value=value)
            for key, metadata in some
            for name, value in metadata_pairs(metadata).items()
        ]
        pairs.objects.bulk_create(made)


class Migration(migrations.Migration):
    dependencies = [("index", "0016_worker_seen_at")]

    operations = [
        migrations.CreateModel(
            "ThreadMetadata",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "thread",
                    models.ForeignKey(
                        "index.thread",
                        models.CASCADE,
                        related_name="metadata_pairs",
                        db_index=False,
                        db_constraint=False,
                    ),
                ),
                ("key", models.CharField(max_length=64)),
                ("value", models.CharField(max_length=512)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["thread", "key"], name="metadata_key_once_a_thread"),
                ],
                "indexes": [models.Index(fields=["key", "value", "thread"], name="index_threa_key_130567_idx")],
            },
        ),
        migrations.RunPython(write_pairs, migrations.RunPython.noop),
    ]
