"""Fills the migrated, empty database of the environment with a few rows of every table of ours.

Runs in a process of its own (`python -m tests.old_databases.seed`), started by `make.py`. The users' and connections'
names, and "parcel" in the words of every run, stay the same in later files: the test looks for them.
"""

from datetime import timedelta

import django
from django.apps import apps
from django.test import Client
from django.utils import timezone

from tests.old_databases import API_KEY, PASSWORD

RUNS_ONCE = ("queued", "in_progress", "requires_action", "cancelling", "cancelled", "failed", "completed", "incomplete")
RUNS_ONCE += ("expired",)
TEXTS = ["Where is parcel 4711?", 'Tell me of <b>"Ω & ünïcode"</b>\n\n* one\n* two', "get_stock"]


def seed() -> None:
    from runsdash.index.models import Connection
    from runsdash.index.storage.sealed_keys import seal
    from tests.hostile_rows import hostile_run
    from tests.rows import made_connection, made_run, roll_all_up

    # Runs belong to a connection that is off, so that no page asks an upstream for them.
    archive = made_connection("archive", is_enabled=False)
    prod = made_connection("prod", sealed_key=seal(API_KEY), last_success_at=timezone.now())
    Connection.objects.filter(pk=prod.pk).update(last_failure={"status": 502, "message": "Bad", "request_id": "r"})
    runs = [
        made_run(archive, status=status, age_s=4000 * number, metadata={"team": "returns"}, instructions=TEXTS[0])
        for number, status in enumerate(RUNS_ONCE, start=1)
    ]
    runs += [hostile_run(archive, "failed", TEXTS), hostile_run(archive, "waiting", TEXTS, waits=True)]
    roll_all_up()
    seed_people(runs)
    seed_index(archive, prod, runs)
    seed_notes(runs)
    seed_outputs(archive, runs)
    seed_jobs(runs)
    seed_notifications()
    seed_trail(runs)
    refuse_empty_tables()


def seed_people(runs: list) -> None:
    from runsdash.accounts.models import User
    from runsdash.accounts.tokens import new_token
    from runsdash.index.kept_filters import keep_if_long
    from runsdash.index.models import SavedView

    for role in ("admin", "operator", "viewer", ""):
        user = User.objects.create_user(role or "nobody", password=PASSWORD, role=role, email=f"{role}@old.example")
        User.objects.filter(pk=user.pk).update(time_zone="Europe/Vienna", list_columns=["status", "model"])
        Client().force_login(user)
        new_token(name="of old", scopes=["export"], user=user, days=90)[0].save()
        SavedView.objects.create(owner=user, name="Failing", query="status:failed", is_shared=role == "admin")
    keep_if_long(" ".join(f"run:run_{number}" for number in range(200)))


def seed_notes(runs: list) -> None:
    from runsdash.index.models import Note
    from runsdash.index.notes import give_label, owner_of, reindex_notes

    for subject in (runs[0], runs[0].thread):
        Note.objects.create(**owner_of(subject), text="Ask about the parcel", written_by="operator")
        reindex_notes(subject)
        give_label(subject, "late", given_by="operator")


def seed_index(archive: object, prod: object, runs: list) -> None:
    from runsdash.index.models import ArchivedFile, BudgetSecond, PurgedThread, Thread
    from runsdash.index.models.children import ChildRun
    from runsdash.index.totals.rollups import mark_dirty

    now = timezone.now()
    # As rows were written before bodies of threads were kept as text.
    Thread.objects.filter(pk=runs[0].thread_id).update(raw={"id": runs[0].thread.upstream_id}, body=None)
    PurgedThread.objects.create(connection=archive, upstream_id="thread_purged")
    files = {"connection": archive, "thread": runs[0].thread}
    ArchivedFile.objects.create(upstream_id="file_wanted", **files)
    ArchivedFile.objects.create(upstream_id="file_missing", status=404, fetched_at=now, attempts=1, **files)
    ArchivedFile.objects.create(
        upstream_id="file_kept", status=200, size=3, digest="0" * 32, content_type="text/csv", fetched_at=now,
        content=b"a,b", **files,
    )  # fmt: skip
    BudgetSecond.objects.create(connection=prod, second=int(now.timestamp()), pages=1, worker=2, writes=1)
    ChildRun.objects.create(connection=archive, upstream_id="run_child", parent=runs[0], step_key=1)
    mark_dirty(archive.pk, [runs[0].pk])


def seed_outputs(archive: object, runs: list) -> None:
    from runsdash.accounts.models import User
    from runsdash.actions.models import (
        Claim,
        Draft,
        Lineage,
        LiveOutput,
        LivePiece,
        LivePieceKind,
        LiveState,
        OutputSchema,
        OutputTemplate,
        SentOutput,
    )

    waiting, now = runs[RUNS_ONCE.index("requires_action")], timezone.now()
    call = {"connection": archive, "run_upstream_id": waiting.upstream_id, "call_id": "call_get_stock"}
    user = User.objects.get(username="admin")
    Claim.objects.create(user=user, connection=archive, run_upstream_id="run_x", since=now, seen_at=now)
    Draft.objects.create(user=user, function_name="get_stock", text='{"count": 4', saved_at=now, **call)
    SentOutput.objects.create(function_name="get_stock", text='{"count": 3}', sent_by="admin", sent_at=now, **call)
    OutputTemplate.objects.create(function_name="get_stock", name="none", text='{"count": 0}', made_by="admin")
    schema = {"type": "object", "properties": {"count": {"type": "integer"}, "at": {"type": "string"}}}
    OutputSchema.objects.create(function_name="get_stock", schema=schema, changed_by="admin")
    Lineage.objects.create(run=runs[0], source=runs[6], is_on_copy=True, changed=["model"], made_by="admin")
    for run, state in zip(runs, LiveState, strict=False):
        LiveOutput.objects.create(run=run, segment=1, reader="old", state=state, beat_at=now)
        for kind in LivePieceKind:
            LivePiece.objects.create(run=run, part="msg_old", kind=kind, text="live words")


def seed_jobs(runs: list) -> None:
    from runsdash.actions.batch.models import BatchItem, BatchJob
    from runsdash.index.models import Job

    now = timezone.now()
    for state in Job.State:
        Job.objects.create(kind="add_threads", state=state, created_by="admin", progress={"done": 1, "total": 2})
    for operation in BatchJob.Operation:
        job = BatchJob.objects.create(
            operation=operation, parameters={"key": "team", "value": "old"}, query="status:failed", created_by="admin",
            token=f"old-{operation}", total=len(BatchItem.State), ended_at=now,
        )  # fmt: skip
        for run, state in zip(runs, BatchItem.State, strict=False):
            BatchItem.objects.create(job=job, run=run, state=state, message="as it was", ended_at=now)


def seed_notifications() -> None:
    from runsdash.index.storage.sealed_keys import seal
    from runsdash.notify.models import Delivery, DeliveryState, Rule

    now = timezone.now()
    for event in Rule.Event:
        rule = Rule.objects.create(
            name=f"Old {event}", event=event, webhook_url="https://old.example/hook", emails="ops@old.example",
            created_by="admin", sealed_secret=seal("a secret of old"), is_enabled=False, threshold=1, period_s=60,
        )  # fmt: skip
        for channel in rule.targets:
            for state in DeliveryState:
                due = now + timedelta(days=1)
                key = {"event_key": f"old-{state}", "channel": channel}
                Delivery.objects.create(rule=rule, body={"run": 1}, state=state, due_at=due, **key)


def seed_trail(runs: list) -> None:
    """An intent with each result, one whose outcome is missing, and one refused by RunsDash itself."""
    from runsdash.audit import trail
    from runsdash.audit.models import AuditEntry

    for run, result in zip(runs, [one for one in AuditEntry.Result if one], strict=False):
        whose = {"actor": "admin", "connection_slug": "archive", "run_id": run.upstream_id, "reason": "as asked"}
        whose |= {"action": "cancel_run", "thread_id": run.thread.upstream_id}
        sent = {"method": "POST", "url": "http://127.0.0.1:9/v1/x", "body": '{"b": 1, "a": 2}'}
        intent = trail.record_intent(token=f"old-{result}", sent=sent, before={"status": "queued"}, **whose)
        trail.record_outcome(intent, result=result, upstream_status=200, request_id="req_old")
    trail.record_intent(**whose, sent={"method": "POST", "url": "/x", "body": {"as": "once written"}})
    trail.record_refusal(message="Not allowed.", **whose)


def refuse_empty_tables() -> None:
    own = [model for model in apps.get_models() if model.__module__.startswith("runsdash.")]
    empty = [model._meta.db_table for model in own if not model._default_manager.exists()]
    if empty:
        raise SystemExit(f"Nothing was put into {', '.join(empty)}: add rows to tests/old_databases/seed.py.")


if __name__ == "__main__":
    django.setup()
    seed()
