"""`manage.py sync` as a process: one round, and an end within five seconds whatever hangs."""

import subprocess
import sys
import time

import pytest
from django.utils import timezone

from runsdash.index.models import Job, Run, Thread
from runsdash.index.snapshots.upsert_threads import ensure_threads
from runsdash.sync.jobs.jobs import add_job
from tests.sync.budget.spending import beside
from tests.upstream import ROOT

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.clock]
COMMAND = [sys.executable, "manage.py", "sync"]
STOP_S = 5.0


def test_once_works_on_jobs_and_reads_what_is_due(connection, upstream, start):
    upstream.quirk(no_thread_list=True)
    run = start("hello", until="completed")
    add_job("add_threads", connection=connection, parameters={"thread_ids": [run["thread_id"]]})

    subprocess.run([*COMMAND, "--once"], cwd=ROOT, env=beside(), check=True, timeout=60)

    assert Job.objects.get().state == "done"
    assert Run.objects.get().has_all_steps


def test_it_ends_soon_though_the_upstream_hangs_and_leaves_its_rows_to_others(connection, upstream):
    upstream.quirk(no_thread_list=True)
    connection.timeout_s = 60
    connection.save()
    ensure_threads(connection, ["thread_a"])
    upstream.fault("GET /threads", "hang", times=None)
    process = subprocess.Popen(COMMAND, cwd=ROOT, env=beside(), stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while not Thread.objects.filter(lease_until__gt=timezone.now()).exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)

    process.terminate()
    began = time.monotonic()
    said, _ = process.communicate(timeout=30)

    assert time.monotonic() - began <= STOP_S
    assert (process.returncode, "has stopped" in said) == (0, True)
    assert Thread.objects.get().lease_until is None
