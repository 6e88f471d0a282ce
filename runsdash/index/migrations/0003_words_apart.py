"""Lets many new words go into SQLite's FTS5 table by themselves, not through the trigger on index_runtext.

A statement with a trigger makes FTS5 write a segment for every row; rows that are inserted into it directly are
gathered. While index_runtext_apart holds a row, which no transaction leaves there, the trigger stands back.
"""

from django.db import migrations

ADDED = """CREATE TRIGGER index_runtext_added AFTER INSERT ON index_runtext {when} BEGIN
    INSERT INTO index_runtext_fts(rowid, words) VALUES (new.run_id, new.words); END"""
APART = "WHEN NOT EXISTS (SELECT 1 FROM index_runtext_apart)"


def forward(apps, schema_editor):
    run(
        schema_editor,
        "CREATE TABLE index_runtext_apart (id INTEGER PRIMARY KEY)",
        "DROP TRIGGER index_runtext_added",
        ADDED.format(when=APART),
    )


def back(apps, schema_editor):
    run(schema_editor, "DROP TRIGGER index_runtext_added", ADDED.format(when=""), "DROP TABLE index_runtext_apart")


def run(schema_editor, *statements):
    if schema_editor.connection.vendor == "sqlite":
        for statement in statements:
            schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("index", "0002_words")]
    operations = [migrations.RunPython(forward, back)]
