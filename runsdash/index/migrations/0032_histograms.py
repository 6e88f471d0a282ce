"""Writes histograms as 32 bits a bucket. They were pairs of a bucket and its runs, four bytes each."""

from array import array

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

ROWS_AT_ONCE = 2000
BYTES = 4


def written_anew(pairs: bytes) -> bytes:
    numbers = array("I", bytes(pairs))
    if not numbers:
        return b""
    runs = array("I", bytes(BYTES * (max(numbers[::2]) + 1)))
    for bucket, count in zip(numbers[::2], numbers[1::2], strict=True):
        runs[bucket] = count
    return runs.tobytes()


def write_anew(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    rows = apps.get_model("index", "RunSums").objects.order_by("pk").values_list("took", "queued", "pk")
    last = 0
    while some := list(rows.filter(pk__gt=last)[:ROWS_AT_ONCE]):
        last = some[-1][-1]
        changed = [(written_anew(took), written_anew(queued), pk) for took, queued, pk in some if took or queued]
        with editor.connection.cursor() as cursor:
            cursor.executemany("UPDATE index_runsums SET took = %s, queued = %s WHERE id = %s", changed)


class Migration(migrations.Migration):
    dependencies = [("index", "0031_thread_runs_read_at")]

    operations = [migrations.RunPython(write_anew, migrations.RunPython.noop)]
