"""Writes what expired runs waited for, and when they ended, where their server told neither: their steps do."""

from datetime import datetime
from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

ROWS_AT_ONCE = 500
ANSWERED_BY_PEOPLE = ("function", "computer_use_preview", "", None)
COLUMNS = ("pending_calls", "ended_at", "duration_s")


def write_missed_calls(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    runs, steps = (apps.get_model("index", name).objects.using(editor.connection.alias) for name in ("Run", "RunStep"))
    last = 0
    while some := list(runs.filter(status="expired", pk__gt=last).order_by("pk")[:ROWS_AT_ONCE]):
        last = some[-1].pk
        missed: dict[int, tuple[list[dict], datetime | None]] = {}
        silent = [run.pk for run in some if not run.pending_calls]
        open_steps = steps.filter(run__in=silent).exclude(status="completed").order_by("run_id", "position", "id")
        for key, calls, ended_at in open_steps.values_list("run_id", "calls", "ended_at"):
            if found := [call for call in calls if is_missed(call)]:
                missed[key] = missed.get(key, ([], None))[0] + found, ended_at
        for run in some:
            write(run, *missed.get(run.pk, (run.pending_calls, None)))
        runs.bulk_update(some, COLUMNS, batch_size=100)


def is_missed(call: dict) -> bool:
    return call.get("output_size") is None and call.get("type") in ANSWERED_BY_PEOPLE


def write(run: Any, calls: list[dict], ended_at: datetime | None) -> None:
    deadline = run.expires_at and min(run.expires_at, run.status_since or run.expires_at)
    run.pending_calls, run.ended_at = calls, run.ended_at or deadline or ended_at
    if run.ended_at:
        run.duration_s = max(0, int((run.ended_at - (run.started_at or run.created_at)).total_seconds()))


class Migration(migrations.Migration):
    dependencies = [("index", "0032_histograms")]

    operations = [migrations.RunPython(write_missed_calls, migrations.RunPython.noop)]
