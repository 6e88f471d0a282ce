"""Fixtures that join the index to the session's sandbox, and a few short-hands for things on it."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from django.utils import timezone

from runsdash.index.models import Connection, Run
from runsdash.index.snapshots.upsert_runs import upsert_runs
from runsdash.index.storage.sealed_keys import seal
from runsdash.service import objects
from runsdash.sync.parallel_reads import in_background
from tests.upstream import Sandbox

ASSISTANT_FUNCTION = {
    "type": "function",
    "function": {
        "name": "get_stock",
        "description": "Stock by article",
        "parameters": {"type": "object", "properties": {"sku": {"type": "string"}}, "required": ["sku"]},
    },
}


PASSING_THREADS = {"runsdash-live-output", "runsdash-key", "runsdash-gone"}  # they end with their work
THREADS_END_S = 3


@pytest.fixture
def connection(upstream: Sandbox, db: None) -> Iterator[Connection]:
    """The sandbox as a connection of the index, with a time-out that tests can wait for."""
    yield Connection.objects.create(
        slug="sandbox",
        name="sandbox",
        kind="sandbox",
        base_url=upstream.base_url,
        sealed_key=seal(upstream.api_key),
        timeout_s=5,
        worker_seen_at=timezone.now(),
    )
    until_nothing_is_written()


def until_nothing_is_written(*, seconds: float = THREADS_END_S) -> None:
    """A thread that still writes would meet the emptying of the tables; PostgreSQL ends one of the two."""
    is_idle = threading.Event()
    in_background(is_idle.set)
    is_idle.wait(seconds)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and PASSING_THREADS & {one.name for one in threading.enumerate()}:
        time.sleep(0.02)


@pytest.fixture
def assistant(upstream: Sandbox) -> dict:
    return upstream.post(
        "/assistants", {"model": "gpt-4o", "name": "Stock bot", "tools": [ASSISTANT_FUNCTION], "metadata": {}}
    )


@pytest.fixture
def start(upstream: Sandbox, assistant: dict) -> Callable[..., dict]:
    """`start("/tool", until="requires_action")` starts a run upstream and waits for its status."""

    def started(words: str, *, until: str | None = None, **more: object) -> dict:
        run = upstream.post(
            "/threads/runs",
            {
                "assistant_id": assistant["id"],
                "thread": {"messages": [{"role": "user", "content": words}]},
                **more,
            },
        )
        return wait_for(upstream, run, until) if until else run

    return started


def copied(connection: Connection, *runs: dict) -> list[Run]:
    """Rows of runs of the API, without steps and messages: reading each as a page does takes ten times as long."""
    rows = upsert_runs(connection, [objects.Run.from_raw(run) for run in runs], fetched_at=timezone.now())
    return [rows[run["id"]] for run in runs]


def wait_for(upstream: Sandbox, run: dict, status: str, *, seconds: float = 10) -> dict:
    """The run once it has `status`; fails with what it had instead."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = upstream.get(f"/threads/{run['thread_id']}/runs/{run['id']}")
        if found["status"] == status:
            return found
        time.sleep(0.02)
    raise AssertionError(f"the run is {found['status']}, not {status}")
