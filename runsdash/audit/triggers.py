"""Makes the database itself refuse to change or delete entries, whoever asks.

SQLite drops triggers whenever it makes a table anew, so they are put back after every migration.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

NEVER = "An audit entry is never changed or deleted."
ON_SQLITE = [
    f"CREATE TRIGGER IF NOT EXISTS audit_entry_no_{verb.lower()} BEFORE {verb} ON audit_auditentry "
    f"BEGIN SELECT RAISE(ABORT, '{NEVER}'); END"
    for verb in ("UPDATE", "DELETE")
]
OFF_SQLITE = ["DROP TRIGGER IF EXISTS audit_entry_no_update", "DROP TRIGGER IF EXISTS audit_entry_no_delete"]
OFF_POSTGRESQL = ["DROP TRIGGER IF EXISTS audit_entry_kept ON audit_auditentry"]
ON_POSTGRESQL = [
    "CREATE OR REPLACE FUNCTION audit_entry_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    f"RAISE EXCEPTION '{NEVER}' USING ERRCODE = 'integrity_constraint_violation'; END $$",
    *OFF_POSTGRESQL,
    "CREATE TRIGGER audit_entry_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_auditentry "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_kept()",
]


def guard_entries(connection: BaseDatabaseWrapper) -> None:
    """Puts the triggers there, whether or not they are."""
    run(connection, ON_POSTGRESQL if connection.vendor == "postgresql" else ON_SQLITE)


def unguard_entries(connection: BaseDatabaseWrapper) -> None:
    """Takes the triggers away: for a migration that rewrites entries, and for tests that empty the tables."""
    run(connection, OFF_POSTGRESQL if connection.vendor == "postgresql" else OFF_SQLITE)


def are_guarded(connection: BaseDatabaseWrapper) -> bool:
    """Tells whether the triggers are there and on."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT count(*) FROM pg_trigger WHERE tgname = 'audit_entry_kept' AND tgenabled <> 'D'")
            return cursor.fetchone()[0] == 1
        names = "'audit_entry_no_update', 'audit_entry_no_delete'"
        cursor.execute(f"SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name IN ({names})")
        return cursor.fetchone()[0] == 2


def run(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
