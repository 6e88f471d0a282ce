"""What the marks of a thread say: whether a look has something to settle, and what its counts leave in doubt."""

from datetime import timedelta

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from runsdash.audit.chain import append
from runsdash.audit.models import AuditEntry, AuditKind, AuditResult
from runsdash.index.keeping.archive import meter_of
from runsdash.index.models import Run, Thread
from runsdash.index.walks import WALK_AGAIN, resting_steps
from tests.dashboard.conftest import LATER
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def run() -> Run:
    run = made_run(made_connection("here"))
    Thread.objects.update(checked_at=LATER, fetched_at=timezone.now(), is_gone=True)
    return run


def look(client: Client, run: Run) -> list[str]:
    with CaptureQueriesContext(database) as caught:
        assert client.get(f"/threads/{run.thread.upstream_id}/").status_code == 200
    return [query["sql"] for query in caught.captured_queries]


def intent_on(run: Run) -> AuditEntry:
    return append(
        kind=AuditKind.INTENT, action="delete_thread", actor="ada", connection_slug="here",
        thread_id=run.thread.upstream_id,
    )  # fmt: skip


def outcome_of(intent: AuditEntry, result: AuditResult) -> None:
    copied = {name: getattr(intent, name) for name in ("action", "actor", "connection_slug", "thread_id")}
    append(kind=AuditKind.OUTCOME, intent_id=intent.pk, result=result, **copied)


def test_a_look_settles_what_was_left_unclear_and_the_next_asks_for_nothing(run: Run, viewer: Client) -> None:
    outcome_of(intent_on(run), AuditResult.UNCLEAR)
    look(viewer, run)
    assert AuditEntry.objects.order_by("id").last().result == AuditResult.SETTLED_DONE
    assert not [sql for sql in look(viewer, run) if sql.startswith('SELECT "audit_auditentry"') and "LIMIT 200" in sql]


def test_an_intent_that_a_process_died_with_is_looked_at(run: Run, viewer: Client) -> None:
    intent_on(run)
    assert [sql for sql in look(viewer, run) if sql.startswith('SELECT "audit_auditentry"') and "LIMIT 200" in sql]


@pytest.mark.parametrize("cursor", ["", "step_1"])
@pytest.mark.parametrize("doubted", [None, timedelta(minutes=1), WALK_AGAIN + timedelta(minutes=1)])
@pytest.mark.parametrize("has_all", [False, True])
def test_counts_doubt_a_thread_whose_runs_rest(run: Run, cursor: str, doubted: timedelta | None, has_all: bool) -> None:
    at = None if doubted is None else timezone.now() - doubted
    Run.objects.update(steps_cursor=cursor, steps_doubted_at=at, has_all_steps=has_all)
    rests = Run.objects.filter(resting_steps(), has_all_steps=False).exists()
    assert meter_of(Thread.objects.get(pk=run.thread_id)).is_doubted == rests
