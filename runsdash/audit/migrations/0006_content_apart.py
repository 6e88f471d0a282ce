from django.db import migrations

from runsdash.audit.triggers import guard_entries


def overwrite_what_is_freed(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("PRAGMA secure_delete = ON")


def guard(apps, schema_editor):
    guard_entries(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_move_content")]

    operations = [
        migrations.RunPython(overwrite_what_is_freed),
        *(
            migrations.RemoveField("auditentry", name)
            for name in ("sent", "before", "after", "reason", "upstream_message")
        ),
        migrations.RunPython(guard),
    ]
