"""A run read to its end has its steps as the end left them, whoever reads it and however late its server closes them."""

import time
from collections.abc import Callable

import pytest

from runsdash.index.fulltext.writer import MANY_STEPS
from runsdash.index.keeping.archive import mark_if_archived
from runsdash.index.models import Connection, Run, RunStep, RunText
from runsdash.index.snapshots.ended_runs import ENDED_STEPS
from runsdash.index.snapshots.upsert_threads import ensure_threads
from runsdash.sync.archiving import archive_thread
from runsdash.sync.refresh import refresh_run, refresh_thread
from runsdash.sync.worker import Worker

pytestmark = pytest.mark.django_db(transaction=True)
Look = Callable[[Connection, dict], object]


def by_page(connection: Connection, run: dict) -> None:
    refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"], live_age_s=0)


def by_archiving(connection: Connection, run: dict) -> None:
    archive_thread(refresh_thread(connection, thread_id=run["thread_id"]), within_s=1)


def by_worker() -> Look:
    worker = Worker()

    def look(connection: Connection, run: dict) -> None:
        ensure_threads(connection, [run["thread_id"]])
        worker.archives.rests_until.clear()
        worker.run_until_idle(seconds=1)

    return look


def until_archived(look: Look, connection: Connection, run: dict, *, seconds: float = 12) -> Run:
    """The run once its archive is complete, or what there is of it then."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        look(connection, run)
        for run_row in Run.objects.filter(archived_at=None).select_related("thread", "connection"):
            if run_row.facts.is_terminal:
                mark_if_archived(run_row)
        row = Run.objects.filter(archived_at__isnull=False).first()
        if row is not None:
            return row
        time.sleep(0.2)
    return Run.objects.get()


def open_steps() -> list[str]:
    return list(RunStep.objects.exclude(status__in=ENDED_STEPS).values_list("upstream_id", flat=True))


@pytest.fixture
def quiet(connection: Connection, upstream) -> Connection:
    upstream.quirk(no_thread_list=True)
    Connection.objects.update(budget_per_min=0)
    connection.refresh_from_db()
    return connection


@pytest.mark.parametrize(
    ("look", "is_seen_live"),
    [
        pytest.param(by_page, False, id="page"),
        pytest.param(by_page, True, id="page-live"),
        pytest.param(by_archiving, False, id="archiving"),
        pytest.param(by_archiving, True, id="archiving-live", marks=pytest.mark.long),
        pytest.param(by_worker(), False, id="worker"),
        pytest.param(by_worker(), True, id="worker-live", marks=pytest.mark.long),
    ],
)
def test_what_was_open_while_a_run_ended_is_read_again(quiet, upstream, start, look, is_seen_live):
    run = start("/tool get_stock", until="requires_action")
    if is_seen_live:
        look(quiet, run)
        look(quiet, run)
    upstream.answer(run)
    upstream.wait(run)
    upstream.quirk(open_steps=True)
    look(quiet, run)
    upstream.quirk(open_steps=False)

    row = until_archived(look, quiet, run)

    assert open_steps() == []
    assert (row.status, row.has_all_steps, row.step_count) == ("completed", True, 2)
    assert row.archived_at


def test_a_step_that_its_server_never_closes_is_asked_for_a_few_times(quiet, upstream, start):
    run = start("/code 6*7", until="completed")
    upstream.quirk(open_steps=True)
    upstream.clear_requests()

    row = until_archived(by_page, quiet, run)

    assert row.archived_at
    assert len(open_steps()) == 2
    upstream.clear_requests()
    by_page(quiet, run)
    assert upstream.requests() == []


@pytest.mark.long
def test_a_run_too_long_to_be_gathered_at_each_page_has_its_words_in_the_end(quiet, upstream):
    made = upstream.seed(steps=MANY_STEPS + 50)
    time.sleep(2.1)
    run = {"id": made["run_id"], "thread_id": made["thread_id"]}
    row = refresh_run(quiet, thread_id=run["thread_id"], run_id=run["id"])
    while not row.has_all_steps:
        row = refresh_run(quiet, thread_id=run["thread_id"], run_id=run["id"], max_age_s=0)
    assert f"nw {20000 + MANY_STEPS + 40}" in RunText.objects.get().words


@pytest.mark.parametrize(
    ("look", "fault"),
    [
        pytest.param(by_worker(), "no steps", id="worker-no-steps", marks=pytest.mark.long),
        pytest.param(by_worker(), "messages fail", id="worker-messages-fail", marks=pytest.mark.long),
        pytest.param(by_page, "messages fail", id="page-messages-fail"),
    ],
)
def test_a_run_is_not_archived_without_the_messages_of_its_end(quiet, upstream, start, look, fault):
    upstream.quirk(no_steps=fault == "no steps")
    run = start("/tool get_stock", until="requires_action")
    for _ in range(2):
        look(quiet, run)
    if fault == "messages fail":
        upstream.fault("GET /messages", "500", times=None)
    upstream.answer(run)
    upstream.wait(run)

    row = until_archived(look, quiet, run, seconds=2 if look is by_page else 5)

    has_answer = row.thread.messages.filter(role="assistant").exists()
    assert (row.status, has_answer, row.archived_at is not None) == ("completed", *[fault == "no steps"] * 2)
