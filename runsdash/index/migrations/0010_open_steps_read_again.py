"""Lets the steps of ended runs that were read while they ended, and were open then, be read once more."""

from datetime import timedelta

from django.db import migrations
from django.db.models import F

ENDED_STEPS = ("completed", "failed", "cancelled", "expired")
SETTLING = timedelta(seconds=2)
CHUNK = 500


def read_again(apps, schema_editor):
    alias = schema_editor.connection.alias
    runs, steps = (apps.get_model("index", name).objects.using(alias) for name in ("Run", "RunStep"))
    early = steps.exclude(status__in=ENDED_STEPS).filter(
        run__has_all_steps=True,
        run__thread__is_gone=False,
        run__connection__is_enabled=True,
        fetched_at__lt=F("run__status_since") + SETTLING,
    )
    keys = sorted(set(early.values_list("run_id", flat=True)))
    for start in range(0, len(keys), CHUNK):
        runs.filter(pk__in=keys[start : start + CHUNK]).update(has_all_steps=False, archived_at=None, steps_cursor="")


class Migration(migrations.Migration):
    dependencies = [("index", "0009_cached_tokens")]

    operations = [migrations.RunPython(read_again, migrations.RunPython.noop)]
