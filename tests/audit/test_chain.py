"""The chain of the trail: what changes or removes an entry is found, what purges content is not."""

from io import StringIO
from threading import Thread as Worker

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from runsdash.audit.chain import check_chain
from runsdash.audit.contents import empty_contents
from runsdash.audit.models import AuditContent, AuditEntry
from runsdash.audit.trail import action_of, record_intent, record_outcome, record_refusal
from runsdash.audit.triggers import are_guarded, guard_entries, unguard_entries

MINE = {"actor": "olga", "connection_slug": "prod", "thread_id": "thread_1", "run_id": "run_1"}
SENT = {"method": "POST", "url": "https://api.example/v1", "body": '{"b": 1, "a": 2}'}


def two_actions() -> AuditEntry:
    """Four entries: one action with content, one without; returns the first intent."""
    intent = record_intent(action="modify_run", reason="wrong customer", sent=SENT, before={"metadata": {}}, **MINE)
    record_outcome(intent, result="done", after={"metadata": {"a": "Ω"}}, upstream_status=200)
    record_outcome(record_intent(action="cancel_run", **MINE), result="done")
    return intent


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("UPDATE audit_auditentry SET actor = 'eve' WHERE id = 2", "Entry 2 was changed"),
        ("UPDATE audit_auditentry SET thread_id = '' WHERE id = 4", "Entry 4 was changed"),
        ("DELETE FROM audit_auditentry WHERE id = 3", "Entry 4 does not follow entry 2"),
        ("UPDATE audit_auditcontent SET reason = 'none' WHERE entry_id = 1", "content of entry 1 was changed"),
        ("DELETE FROM audit_auditcontent WHERE entry_id = 2", "content of entry 2 was changed or removed"),
    ],
)
def test_the_first_break_is_named(change: str, sentence: str) -> None:
    two_actions()
    assert check_chain().broken == ""
    unguard_entries(connection)
    with connection.cursor() as cursor:
        cursor.execute(change)
    with pytest.raises(CommandError, match=sentence):
        call_command("verify_audit")


@pytest.mark.django_db
def test_a_noted_head_tells_of_an_end_that_was_cut_off() -> None:
    two_actions()
    said = StringIO()
    call_command("verify_audit", stdout=said)
    *_, number, head = said.getvalue().split()
    assert (number, len(head)) == ("4", 64)
    call_command("verify_audit", contains=head, stdout=said)
    unguard_entries(connection)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_auditentry WHERE id = 4")
    with pytest.raises(CommandError, match="triggers"):
        call_command("verify_audit")
    guard_entries(connection)
    call_command("verify_audit", stdout=said)
    with pytest.raises(CommandError, match="entries were removed at the end"):
        call_command("verify_audit", contains=head)


@pytest.mark.django_db
def test_it_holds_before_and_after_a_purge() -> None:
    intent = two_actions()
    assert action_of(AuditEntry.objects.get(pk=intent.pk)).intent.sent_body == {"b": 1, "a": 2}
    record_refusal(message="Not allowed.", action="cancel_run", **MINE | {"run_id": "run_2", "thread_id": "thread_2"})
    head = check_chain().head
    empty_contents(connection_slug="prod", thread_id="thread_1")
    checked = check_chain()
    assert (checked.broken, checked.entries, checked.purged, checked.head) == ("", 5, 2, head)
    purged = AuditContent.objects.exclude(purged_at=None)
    assert {(one.salt, one.sent, one.before, one.after, one.reason) for one in purged} == {("",) * 5}
    assert AuditEntry.objects.get(pk=1).sent is None
    assert AuditEntry.objects.get(pk=5).upstream_message == "Not allowed."
    AuditContent.objects.filter(pk=1).update(reason="was put there")
    assert "Entry 1" not in check_chain().broken
    assert "content of entry 1 was purged, and there is some again" in check_chain().broken


@pytest.mark.django_db
def test_a_creation_is_purged_by_the_thread_that_its_outcome_names() -> None:
    intent = record_intent(action="create_thread", actor="olga", connection_slug="prod", sent=SENT)
    record_outcome(intent, result="done", thread_id="thread_new")
    empty_contents(connection_slug="other", thread_id="thread_new")
    assert AuditEntry.objects.get(pk=intent.pk).sent == SENT
    empty_contents(connection_slug="prod", thread_id="thread_new")
    assert AuditEntry.objects.get(pk=intent.pk).sent is None


@pytest.mark.django_db
@pytest.mark.parametrize("statement", ["UPDATE audit_auditentry SET actor = 'eve'", "DELETE FROM audit_auditentry"])
def test_the_database_refuses_after_every_migration(statement: str) -> None:
    """All have run here; test_old_databases.py looks at older trails."""
    two_actions()
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert check_chain().broken == ""


@pytest.mark.django_db(transaction=True)
def test_what_a_rebuilt_table_has_lost_comes_back_with_migrate() -> None:
    unguard_entries(connection)
    call_command("migrate", verbosity=0)
    assert are_guarded(connection)


@pytest.mark.clock
@pytest.mark.django_db(transaction=True)
def test_those_who_append_at_once_make_one_chain() -> None:
    def append() -> None:
        for _ in range(5):
            two_actions()
        connection.close()

    workers = [Worker(target=append) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    checked = check_chain()
    assert (checked.broken, checked.entries, checked.number) == ("", 80, 80)
