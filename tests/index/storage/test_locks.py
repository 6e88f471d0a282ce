"""Who writes what belongs to a thread: nobody waits for somebody who waits for them, and nothing follows a purge."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from runsdash.index.keeping.archive import want_files
from runsdash.index.keeping.purge import purge_some
from runsdash.index.models import ArchivedFile, Connection, Message, Run, RunStep, Thread
from runsdash.index.snapshots.upsert_messages import upsert_messages
from runsdash.index.snapshots.upsert_runs import upsert_runs
from runsdash.index.snapshots.upsert_steps import upsert_steps
from runsdash.index.snapshots.upsert_threads import ensure_threads
from runsdash.service import objects
from tests.rows import made_connection, made_run, run_object

pytestmark = pytest.mark.django_db(transaction=True)
LATER_S = 0.3  # by then the other thread waits
STEP = objects.RunStep.from_raw({"id": "step_a", "type": "tool_calls"})
MESSAGE = objects.Message.from_raw({"id": "msg_a", "role": "user", "content": "hello"})


@pytest.fixture
def prod(db: None) -> Connection:
    return made_connection()


def beside(act) -> tuple[threading.Thread, list[BaseException]]:
    """`act` on a thread with a database connection of its own, and what it failed with."""
    failures: list[BaseException] = []

    def work() -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001  told by the test
            failures.append(error)
        database.close()

    thread = threading.Thread(target=work)
    thread.start()
    return thread, failures


def seen_in(prod: Connection, thread_id: str, *, age: timedelta = timedelta()) -> None:
    run = objects.Run.from_raw(run_object(id="run_a", thread_id=thread_id))
    upsert_runs(prod, [run], fetched_at=timezone.now() - age)


def test_a_run_that_moves_between_threads_waits_for_both(prod: Connection) -> None:
    seen_in(prod, "thread_a", age=timedelta(hours=2))
    with transaction.atomic():
        ensure_threads(prod, ["thread_a"])
        moving, failures = beside(lambda: seen_in(prod, "thread_b"))
        time.sleep(LATER_S)
        seen_in(prod, "thread_a", age=timedelta(hours=1))
    moving.join(10)
    assert failures == []
    counts = Thread.objects.order_by("upstream_id").values_list("upstream_id", "run_count")
    assert list(counts) == [("thread_a", 0), ("thread_b", 1)]


@pytest.mark.parametrize("is_first", [True, False], ids=["before", "after"])
def test_what_lands_beside_a_purge_leaves_nothing(prod: Connection, is_first: bool) -> None:
    run = made_run(prod)
    with transaction.atomic():
        ensure_threads(prod, [run.thread.upstream_id])
        purging, failures = beside(lambda: purge_some(run.thread, within_s=10))
        time.sleep(LATER_S)
        if is_first:
            land(run)
    purging.join(10)
    if not is_first:
        land(run)
    assert failures == []
    for model in (Thread, Run, RunStep, Message, ArchivedFile):
        assert not model.objects.exists(), model


def land(run: Run) -> None:
    upsert_steps(run, [STEP], fetched_at=timezone.now())
    upsert_messages(run.thread, [MESSAGE], fetched_at=timezone.now())
    want_files(run.thread, ["file-a"])
