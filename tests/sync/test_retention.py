"""Retention by age: off by default; on, old threads leave, on a record without content, and stay away."""

from datetime import timedelta

import pytest
from django.utils import timezone

from runsdash.audit.models import AuditEntry
from runsdash.index.models import PurgedThread, Run, Thread
from runsdash.index.snapshots.upsert_threads import ensure_threads
from runsdash.sync import retention
from runsdash.sync.retention import purge_old_threads
from tests.rows import made_connection, made_run

pytestmark = pytest.mark.django_db
DAY_S = 24 * 3600


@pytest.fixture(autouse=True)
def _no_slow_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PURGE_S", 30)


@pytest.fixture
def runs(db: None) -> list[Run]:
    """An old run, one just inside, a fresh one."""
    connection = made_connection()
    return [made_run(connection, age_s=days * DAY_S) for days in (40, 29, 0.1)]


def test_it_is_off_by_default(runs, settings) -> None:
    assert settings.RUNSDASH_RETENTION_DAYS == 0
    assert purge_old_threads() == 0
    assert Run.objects.count() == 3


def test_old_threads_leave_on_the_record(runs, settings) -> None:
    settings.RUNSDASH_RETENTION_DAYS = 30
    assert purge_old_threads() == 1
    assert set(Run.objects.values_list("pk", flat=True)) == {run.pk for run in runs[1:]}
    assert PurgedThread.objects.get().upstream_id == runs[0].thread.upstream_id
    intent, outcome = AuditEntry.objects.order_by("id")
    assert (intent.action, intent.actor, intent.thread_id) == ("purge_thread", "retention", runs[0].thread.upstream_id)
    assert (outcome.result, outcome.after) == ("done", {"runs": 1})
    assert purge_old_threads() == 0


def test_an_old_run_on_a_thread_in_use_stays(runs, settings) -> None:
    settings.RUNSDASH_RETENTION_DAYS = 30
    made_run(runs[0].connection, age_s=60, thread_id=runs[0].thread.upstream_id)
    assert purge_old_threads() == 0
    assert Run.objects.count() == 4


def test_threads_that_never_ran_leave_by_when_they_were_added(runs, settings) -> None:
    settings.RUNSDASH_RETENTION_DAYS = 30
    connection = runs[0].connection
    fresh, old = ensure_threads(connection, ["thread_fresh", "thread_old"]).values()
    long_ago = timezone.now() - timedelta(days=50)
    Thread.objects.filter(pk=old.pk).update(id=int(long_ago.timestamp()) << 30)
    assert purge_old_threads() == 2
    assert set(PurgedThread.objects.values_list("upstream_id", flat=True)) == {
        "thread_old", runs[0].thread.upstream_id,
    }  # fmt: skip
    assert Thread.objects.filter(pk=fresh.pk).exists()
