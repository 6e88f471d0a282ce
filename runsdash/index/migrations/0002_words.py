"""The index of words: FTS5 on SQLite, a tsvector with GIN on PostgreSQL, both following index_runtext by themselves.

SQLite's `ascii` tokenizer takes every character beyond ASCII as part of a word, so it never splits a word of ours.
PostgreSQL's vector is made of the words as they are, by no parser. A later migration that lets Django rebuild
index_runtext on SQLite has to make the triggers again.
"""

from django.db import migrations

SQLITE = [
    """CREATE VIRTUAL TABLE index_runtext_fts USING fts5(
        words, content='index_runtext', content_rowid='run_id', tokenize='ascii', columnsize=0)""",
    """CREATE TRIGGER index_runtext_added AFTER INSERT ON index_runtext BEGIN
        INSERT INTO index_runtext_fts(rowid, words) VALUES (new.run_id, new.words); END""",
    """CREATE TRIGGER index_runtext_removed AFTER DELETE ON index_runtext BEGIN
        INSERT INTO index_runtext_fts(index_runtext_fts, rowid, words) VALUES ('delete', old.run_id, old.words); END""",
    """CREATE TRIGGER index_runtext_changed AFTER UPDATE OF words ON index_runtext WHEN old.words IS NOT new.words BEGIN
        INSERT INTO index_runtext_fts(index_runtext_fts, rowid, words) VALUES ('delete', old.run_id, old.words);
        INSERT INTO index_runtext_fts(rowid, words) VALUES (new.run_id, new.words); END""",
    # Bytes of words that a transaction gathers before it writes a segment, and how many segments are merged at once:
    # with the defaults an import spends a third of its time on merging.
    "INSERT INTO index_runtext_fts(index_runtext_fts, rank) VALUES ('hashsize', 33554432)",
    "INSERT INTO index_runtext_fts(index_runtext_fts, rank) VALUES ('automerge', 8)",
    "INSERT INTO index_runtext_fts(index_runtext_fts) VALUES ('rebuild')",
]
SQLITE_BACK = [
    "DROP TRIGGER index_runtext_added",
    "DROP TRIGGER index_runtext_removed",
    "DROP TRIGGER index_runtext_changed",
    "DROP TABLE index_runtext_fts",
]
POSTGRESQL = [
    """ALTER TABLE index_runtext ADD COLUMN vector tsvector
        GENERATED ALWAYS AS (array_to_tsvector(string_to_array(words, ' '))) STORED""",
    "CREATE INDEX index_runtext_vector ON index_runtext USING gin (vector)",
]
POSTGRESQL_BACK = ["ALTER TABLE index_runtext DROP COLUMN vector"]


def run(statements):
    sqlite, postgresql = statements

    def ran(apps, schema_editor):
        chosen = {"sqlite": sqlite, "postgresql": postgresql}[schema_editor.connection.vendor]
        for statement in chosen:
            schema_editor.execute(statement)

    return ran


class Migration(migrations.Migration):
    dependencies = [("index", "0001_initial")]
    operations = [migrations.RunPython(run((SQLITE, POSTGRESQL)), run((SQLITE_BACK, POSTGRESQL_BACK)))]
