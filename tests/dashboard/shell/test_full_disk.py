"""A database that takes no writes, as on a full disk: pages that only read are read, loops go on and say so."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from threading import Event, Thread
from time import monotonic, sleep

import pytest
from django.db import Error, InterfaceError, OperationalError, connections
from django.db import connection as database
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from runsdash.actions.batch.working import work_on_batches
from runsdash.actions.management.commands.sync import chores, repeat, tend
from runsdash.index.models import Run, RunStep
from runsdash.notify.delivery_loop import deliver_until
from runsdash.sync.jobs.jobs import work_on_all
from runsdash.sync.worker import Worker

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = [
    "/", "/?range=30d", "/runs/", "/runs/?q=status:failed&facets=1", "/runs/facets/", "/runs/live/", "/threads/",
    "/needs-action/", "/audit/", "/connections/", "/profile/", "/compare/", "/runs/new/", "/readyz", "/metrics", "/go/?id=run_x",
    "/runs/export.csv", "/runs/export.jsonl",
]  # fmt: skip
OF_RUN = ["run", "run_live", "run_raw", "run_zip", "copy_as", "metadata", "cancel", "tool_outputs", "rerun"]
OF_THREAD = ["thread", "thread_live", "run_create"]


@contextmanager
def nothing_is_written() -> Iterator[None]:
    """This thread's statements cannot write; those of the background could, but have nothing to."""
    on, off = ("PRAGMA query_only = ON", "PRAGMA query_only = OFF")
    if database.vendor == "postgresql":
        on, off = ("SET default_transaction_read_only = on", "SET default_transaction_read_only = off")
    with database.cursor() as cursor:
        cursor.execute(on)
    try:
        yield
    finally:
        with database.cursor() as cursor:
            cursor.execute(off)


def test_pages_that_only_read_are_read(operator, connection, upstream, start):
    run = start("/tool get_stock", until="requires_action")
    ids = [run["thread_id"], run["id"]]
    paths = (
        PAGES + [reverse(name, args=ids) for name in OF_RUN] + [reverse(name, args=ids[:1]) for name in OF_THREAD[:2]]
    )
    for path in paths[-11:]:
        operator.get(path)
    step = RunStep.objects.get()
    paths += [
        reverse("run", args=ids) + f"?step={step.upstream_id}",
        reverse("step_raw", args=[*ids, step.upstream_id]),
    ]
    Run.objects.update(checked_at=timezone.now() - timedelta(seconds=30), lease_until=None)
    with nothing_is_written():
        answers = {path: get(operator, path) for path in paths}
    assert {path: status for path, status in answers.items() if status not in (200, 301, 302, 304, 404)} == {}


def get(client: Client, path: str) -> int:
    client.raise_request_exception = False
    return client.get(path).status_code


def failing(error: Error):
    """Stands between Django and the database, and answers every statement with this error."""

    def execute(*_: object) -> None:
        raise error

    return execute


@pytest.mark.parametrize("error", [OperationalError("disk is full"), InterfaceError("no connection")])
@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
def test_machines_are_told_when_there_is_no_database(client, path, error):
    client.raise_request_exception = False
    with database.execute_wrapper(failing(error)):
        answer = client.get(path)
    assert (answer.status_code, answer.content) == (503, b"the database does not answer\n")


LOOPS = {
    "reads": lambda stop: Worker().run(stop),
    "jobs": lambda stop: repeat(partial(work_on_all, stop=stop), stop),
    "batches": lambda stop: repeat(partial(work_on_batches, stop), stop),
    "chores": lambda stop: repeat(partial(tend, chores()), stop),
    "notify": deliver_until,
}


@pytest.mark.parametrize("name", LOOPS)
def test_every_loop_of_the_worker_goes_on_and_says_what_failed(name, caplog):
    stop = Event()

    def work() -> None:
        with database.execute_wrapper(failing(OperationalError("disk is full"))):
            LOOPS[name](stop)
        connections.close_all()

    thread = Thread(target=work, daemon=True)
    thread.start()
    deadline = monotonic() + 8
    while "disk is full" not in caplog.text and monotonic() < deadline:
        sleep(0.05)
    sleep(0.3)
    is_alive = thread.is_alive()
    stop.set()
    thread.join(10)
    assert "disk is full" in caplog.text
    assert is_alive
