"""Fifty viewers of one live run, in two processes, cost the upstream one read an interval. Counted at the sandbox."""

import subprocess
import sys
import time

import pytest

from runsdash.index.models import Run
from runsdash.sync.refresh import MAX_AGE_S, refresh_run
from tests.sync.spending import beside
from tests.upstream import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
PROCESSES = 2
VIEWERS = 25
SECONDS = 5.0
JITTER_S = 0.5  # the first may have taken longer to arrive than the last


def viewing(run: dict) -> subprocess.Popen:
    code = (
        "from tests.sync.viewing import view; "
        f"view({run['thread_id']!r}, {run['id']!r}, viewers={VIEWERS}, seconds={SECONDS})"
    )
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=beside(), stdout=subprocess.PIPE, text=True)


def test_fifty_viewers_cost_one_read_an_interval(connection, upstream, start):
    run = start("/slow 60", until="in_progress")
    refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
    upstream.clear_requests()

    processes = [viewing(run) for _ in range(PROCESSES)]
    views = [int(process.communicate(timeout=60)[0]) for process in processes]

    reads = upstream.requests(method="GET", path=f"/runs/{run['id']}")
    rounds = [one["time"] for one in reads if one["path"].split("?")[0].endswith(run["id"])]
    span_s = max(rounds) - min(rounds)
    print(f"\n{sum(views)} views, {len(rounds)} reads of the run in {span_s:.1f} s")
    assert min(views) >= VIEWERS * 3
    assert len(rounds) >= 3  # they are kept fresh
    assert len(rounds) <= (span_s + JITTER_S) / MAX_AGE_S + 1


def test_fifty_viewers_of_a_dead_upstream_cost_one_attempt_an_interval(connection, upstream, start):
    run = start("/slow 60", until="in_progress")
    row = refresh_run(connection, thread_id=run["thread_id"], run_id=run["id"])
    upstream.fault("GET /threads/", "hang", times=None)
    Run.objects.filter(pk=row.pk).update(checked_at=None, steps_checked_at=None)
    upstream.clear_requests()

    began = time.monotonic()
    process = viewing(run)
    views = int(process.communicate(timeout=60)[0])

    reads = upstream.requests(method="GET", path=f"/runs/{run['id']}")
    rounds = [one for one in reads if one["path"].split("?")[0].endswith(run["id"])]
    assert time.monotonic() - began < SECONDS + 10
    assert len(rounds) == 1  # its time-out is five seconds, and nobody else tries before
    assert views > VIEWERS * 10  # nobody but the one who asks waits
