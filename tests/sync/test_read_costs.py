"""What a worker's read of an active run costs, in statements: while nothing changes, and when something has; and a look around."""

from collections.abc import Callable
from concurrent.futures import wait
from datetime import timedelta

import pytest
from django.db.models.sql.compiler import SQLCompiler
from django.utils import timezone

from runsdash.index.models import Connection, Run
from runsdash.sync.refresh import refresh_run
from runsdash.sync.worker import Worker
from runsdash.sync.worker_reads import watch_run
from tests.queries import at_most
from tests.upstream import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
UNCHANGED = 2  # the lease, and the row's age, which frees it
CHANGED = 30


@pytest.fixture
def row(connection: Connection, start: Callable[..., dict]) -> Run:
    """A run at work, read often enough that its reply is known byte for byte."""
    Connection.objects.update(budget_per_min=0)
    run = start("/tool", until="requires_action")
    refresh_run(Connection.objects.get(), thread_id=run["thread_id"], run_id=run["id"])
    for _ in range(2):
        watch(known_row())
    return known_row()


def known_row() -> Run:
    return Run.objects.select_related("thread", "connection").get()


def watch(run: Run) -> None:
    read = watch_run(run)
    assert read
    wait(read.reads.futures.values(), timeout=10)
    read.store()


def test_a_read_without_news_writes_the_lease_and_the_age(row: Run, upstream: Sandbox) -> None:
    read_at = row.fetched_at
    upstream.clear_requests()
    with at_most(UNCHANGED):
        watch(row)
    assert len(upstream.requests()) == 1
    after = known_row()
    assert after.fetched_at > read_at
    assert (after.lease_token, after.reply_digest) == ("", row.reply_digest)


def test_a_read_with_news_writes_the_run_alone(row: Run, upstream: Sandbox) -> None:
    ids = {"thread_id": row.thread.upstream_id, "id": row.upstream_id}
    upstream.answer(upstream.get(f"/threads/{ids['thread_id']}/runs/{ids['id']}") | ids)
    upstream.wait(ids)
    upstream.clear_requests()
    with at_most(CHANGED) as statements:
        watch(row)
    assert len(upstream.requests()) == 1
    assert known_row().status == "completed"
    written = {
        one.split()[1 if one.startswith("UPDATE") else 2] for one in statements if one[:6] in ("UPDATE", "INSERT")
    }
    assert not {'"index_runstep"', '"index_message"'} & written


def test_a_look_that_finds_nothing_makes_no_statement_anew(connection: Connection, monkeypatch) -> None:
    Connection.objects.update(threads_listed_at=timezone.now() + timedelta(hours=1))
    worker, made = Worker(), []
    for _ in range(2):
        assert worker.round() == 0
    make = SQLCompiler.as_sql
    monkeypatch.setattr(
        SQLCompiler, "as_sql", lambda own, *given, **more: made.append(own) or make(own, *given, **more)
    )
    assert worker.round() == 0
    assert [one.query.model for one in made] == []
