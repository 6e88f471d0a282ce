"""Many viewers of a run whose upstream does not answer: one of them asks.

One that answers is in dashboard/run/test_poll_costs.
"""

import subprocess
import sys
import time

import pytest

from runsdash.index.models import Run
from runsdash.sync.refresh import refresh_run
from tests.sync.budget.spending import beside
from tests.upstream import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
VIEWERS = 25
SECONDS = 5.0


def viewing(run: dict) -> subprocess.Popen:
    code = (
        "from tests.sync.viewing import view; "
        f"view({run['thread_id']!r}, {run['id']!r}, viewers={VIEWERS}, seconds={SECONDS})"
    )
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=beside(), stdout=subprocess.PIPE, text=True)


@pytest.mark.long
@pytest.mark.clock
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
