"""Rows of the index for tests of pages, made from API objects through the upsert, so they are what sync would write."""

import contextlib
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from runsdash.index.models import Connection, Run
from runsdash.index.models.bodies import Body
from runsdash.index.snapshots.upsert_runs import upsert_runs
from runsdash.index.storage.bodies import shown
from runsdash.index.totals.rollups import roll_up
from runsdash.service import objects

_numbers = itertools.count(1)


def made_connection(slug: str = "prod", **columns: object) -> Connection:
    """An upstream that nobody listens at."""
    given = {"name": slug, "base_url": "http://127.0.0.1:9/v1", "kind": "openai", "timeout_s": 2} | columns
    given.setdefault("worker_seen_at", timezone.now())
    return Connection.objects.create(slug=slug, **given)


def run_object(*, age_s: float = 60, status: str = "completed", **fields: object) -> dict:
    """A run as the API gives it, created `age_s` ago."""
    number = next(_numbers)
    created = int((datetime.now(UTC) - timedelta(seconds=age_s)).timestamp())
    waits = status == "requires_action"
    return {
        "id": f"run_{number:024d}", "object": "thread.run", "thread_id": f"thread_{number:024d}",
        "assistant_id": "asst_000000000000000000000001", "model": "gpt-4o", "status": status,
        "created_at": created, "started_at": None if status == "queued" else created + 1,
        "expires_at": created + 600 if status in {"queued", "in_progress", "requires_action"} else None,
        "completed_at": created + 48 if status == "completed" else None,
        "failed_at": created + 8 if status == "failed" else None,
        "last_error": {"code": "server_error", "message": "It broke."} if status == "failed" else None,
        "usage": None if waits else {"prompt_tokens": 12000, "completion_tokens": 608, "total_tokens": 12608},
        "required_action": waiting_for("get_stock") if waits else None,
        "metadata": {}, "instructions": "", "tools": [], **fields,
    }  # fmt: skip


def waiting_for(*names: str) -> dict:
    calls = [
        {"id": f"call_{at}_{name}", "type": "function", "function": {"name": name, "arguments": "{}"}}
        for at, name in enumerate(names)
    ]
    return {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": calls}}


def made_run(connection: Connection, **wanted: object) -> Run:
    raw = run_object(**wanted)
    rows = upsert_runs(connection, [objects.Run.from_raw(raw)], fetched_at=timezone.now())
    return Run.objects.select_related("thread", "connection").get(pk=rows[raw["id"]].pk)


def made_runs(connection: Connection, count: int, **wanted: object) -> list[Run]:
    """`count` runs, the first the newest, ten seconds apart, or `apart_s`. Much cheaper than one by one."""
    start_s, apart_s = wanted.pop("age_s", 60), wanted.pop("apart_s", 10)
    raws = [run_object(age_s=start_s + apart_s * number, **wanted) for number in range(count)]
    upsert_runs(connection, [objects.Run.from_raw(raw) for raw in raws], fetched_at=timezone.now())
    return list(Run.objects.filter(upstream_id__in=[raw["id"] for raw in raws]).order_by("-pk"))


@contextlib.contextmanager
def kept_for_the_module(blocker: DjangoDbBlocker) -> Iterator[None]:
    """Rows made inside stay for all tests of a module; each test's own changes are rolled back, and in the end all.

    Not for tests with `transaction=True`: they would empty the tables or wait for this transaction.
    """
    with blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


def preview_of(body: Body) -> dict:
    """What pages show of it."""
    return next(shown(type(body).objects.filter(pk=body.pk))).preview


def roll_all_up() -> None:
    """Until no hour is marked: left to its usual quarter of a second, a crowded machine leaves some."""
    while roll_up(within_s=30):
        pass
