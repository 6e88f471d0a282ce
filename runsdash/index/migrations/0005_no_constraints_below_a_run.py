"""Drops the foreign keys of rows that are written and deleted with their run or message (docs/decisions/0010).

Only where that is done at once, however large the tables are: on PostgreSQL. SQLite would have to copy each table, and
checks its keys at a tenth of the price; an import there goes without (index/importing/run_import.py).
"""

from django.db import migrations, models
from django.db.models import CASCADE, PROTECT

LOOSE = {
    ("message", "connection"), ("messagebody", "message"), ("runbody", "run"), ("runmetadata", "run"),
    ("runstep", "connection"), ("runtext", "run"), ("runtool", "run"), ("statusseen", "run"), ("stepbody", "step"),
}  # fmt: skip


def drop(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    for model, field in sorted(LOOSE):
        table, column = f"index_{model}", f"{field}_id"
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, table)
        for name, one in found.items():
            if one["foreign_key"] and one["columns"] == [column]:
                schema_editor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {schema_editor.quote_name(name)}")


def body(owner):
    return models.OneToOneField(
        f"index.{owner}", CASCADE, primary_key=True, serialize=False, related_name="body", db_constraint=False
    )


def of_run(name):
    return models.ForeignKey("index.run", CASCADE, related_name=name, db_index=False, db_constraint=False)


def of_connection():
    return models.ForeignKey("index.connection", PROTECT, db_index=False, db_constraint=False)


STATE = [
    migrations.AlterField("message", "connection", of_connection()),
    migrations.AlterField("messagebody", "message", body("message")),
    migrations.AlterField("runbody", "run", body("run")),
    migrations.AlterField("runmetadata", "run", of_run("metadata_pairs")),
    migrations.AlterField("runstep", "connection", of_connection()),
    migrations.AlterField(
        "runtext",
        "run",
        models.OneToOneField(
            "index.run", CASCADE, primary_key=True, serialize=False, related_name="text", db_constraint=False
        ),
    ),
    migrations.AlterField("runtool", "run", of_run("tools_used")),
    migrations.AlterField("statusseen", "run", of_run("statuses_seen")),
    migrations.AlterField("stepbody", "step", body("runstep")),
]


class Migration(migrations.Migration):
    dependencies = [("index", "0004_thread_body")]
    operations = [
        # An older program works as well without the constraints, so nothing is done on the way back.
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(drop, migrations.RunPython.noop)], state_operations=STATE
        )
    ]
