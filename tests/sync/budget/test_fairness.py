"""Ten thousand threads to look at do not starve active runs: a worker of its own on the test's database."""

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from django.utils import timezone

from runsdash.index.models import Connection, Run, Thread
from runsdash.index.snapshots.upsert_runs import upsert_runs
from runsdash.index.storage.keys import key_for
from runsdash.service import objects
from runsdash.sync.connection_health import connection_health
from tests.sync.budget.spending import beside
from tests.upstream import ROOT, Sandbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long, pytest.mark.clock]
ACTIVE = 30
THREADS = 10_000
CHANGES_WITHIN_S = 20.0
# The goal is 3 s and what is measured is printed (2.7 to 2.8 s on two cores that run the suite). Starved would be
# minutes; the bound lies between, so that a slow day does not fail what is not broken.
SEEN_WITHIN_S = 6.0
STRETCH_S = 10


@pytest.fixture
def worker(connection: Connection) -> Iterator[subprocess.Popen]:
    command = [sys.executable, "manage.py", "sync"]
    process = subprocess.Popen(command, cwd=ROOT, env=beside(), stdout=subprocess.DEVNULL)
    yield process
    process.terminate()
    process.wait(timeout=10)


@pytest.fixture
def crowd(connection: Connection) -> None:
    now = timezone.now()
    ids = [f"thread_{number}" for number in range(THREADS)]
    keys = [key_for(connection_id=connection.pk, upstream_id=one, created_at=now) for one in ids]
    rows = [
        Thread(id=key, connection=connection, upstream_id=one, due_at=now) for key, one in zip(keys, ids, strict=True)
    ]
    Thread.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)


@pytest.fixture
def active(connection: Connection, upstream: Sandbox) -> list[dict]:
    """Runs that stay in progress until somebody cancels them, known to the index."""
    made = [upstream.seed(status="in_progress", steps=2) for _ in range(ACTIVE)]
    raws = [upstream.get(f"/threads/{one['thread_id']}/runs/{one['run_id']}") for one in made]
    upsert_runs(connection, [objects.Run.from_raw(raw) for raw in raws], fetched_at=timezone.now())
    return raws


def test_a_crowd_of_threads_starves_no_active_run(connection, upstream, crowd, active, worker):
    first_request(upstream)
    began = time.time()

    delays = sorted(seen_after(upstream, active).values())

    p95 = delays[int(0.95 * len(delays))]
    print(f"\np50 {delays[len(delays) // 2]:.2f} s, p95 {p95:.2f} s, most {delays[-1]:.2f} s")
    assert p95 <= SEEN_WITHIN_S
    looks_while_active(upstream, since=began)
    within_budget(upstream, connection, since=began)
    state = connection_health(connection)
    assert state.due_threads > THREADS / 2
    assert state.lag_s > 10


def first_request(upstream: Sandbox) -> None:
    deadline = time.monotonic() + 20
    while not upstream.requests(method="GET", path="/runs/run_"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def seen_after(upstream: Sandbox, active: list[dict]) -> dict[str, float]:
    """Cancels the runs one after the other at random moments; seconds until the index had each change."""
    dice = random.Random(7)
    moments = sorted(dice.uniform(1, CHANGES_WITHIN_S) for _ in active)
    began, changed, delays = time.monotonic(), {}, {}
    waiting = list(zip(moments, active, strict=True))
    while len(delays) < len(active):
        if waiting and time.monotonic() - began >= waiting[0][0]:
            run = waiting.pop(0)[1]
            upstream.post(f"/threads/{run['thread_id']}/runs/{run['id']}/cancel")
            changed[run["id"]] = time.monotonic()
        rows = Run.objects.filter(upstream_id__in=[one for one in changed if one not in delays])
        now = time.monotonic()
        delays |= {
            one: now - changed[one] for one in rows.exclude(status="in_progress").values_list("upstream_id", flat=True)
        }
        assert now - began < CHANGES_WITHIN_S + 20
        time.sleep(0.02)
    return delays


def looks_while_active(upstream: Sandbox, *, since: float) -> None:
    """Discovery (lists of threads and of their runs) went on in every stretch, also while all runs were active."""
    sent = [(one["time"] - since, one["path"].split("?")[0]) for one in upstream.requests(since)]
    stretches = Counter(int(moment // STRETCH_S) for moment, path in sent if path.endswith(("/runs", "/threads")))
    wanted = range(int(CHANGES_WITHIN_S // STRETCH_S))
    print(f"looks at threads in stretches of {STRETCH_S} s: {[stretches[at] for at in wanted]}")
    assert all(stretches[at] for at in wanted)
    assert sum(stretches.values()) >= 20


def within_budget(upstream: Sandbox, connection: Connection, *, since: float) -> None:
    sent = [one["time"] for one in upstream.requests(since) if one["method"] == "GET"]
    span_s = max(sent) - since
    print(f"{len(sent)} reads in {span_s:.0f} s")
    assert len(sent) <= (span_s + 2) * connection.budget_per_min / 60
