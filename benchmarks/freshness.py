"""How soon a change of an active run's status is in the index, while 10,000 threads wait to be looked at.

Goals, with 30 active runs and 600 requests a minute, and with 250 and as many requests as one worker can send: p95 within
3 s, and threads are looked at in every 5 s. First all stay active (each is answered and works on), then they end one after
the other. `tests/sync/budget/test_fairness.py` is the lenient form of it.
"""

import contextlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path

from benchmarks.measured import percentile, table
from benchmarks.servers import ROOT
from tests.upstream import Sandbox

SIZES = ((30, 600), (250, 0))  # active runs, and requests a minute; 0: no limit
THREADS = 10_000
CHANGES_WITHIN_S = 20.0
GIVEN_UP_AFTER_S = 15.0
STRETCH_S = 5
GOAL_S = 3.0
LOOK_EVERY_S = 0.02
TOLD = {
    "p50_s": "p50 s",
    "p95_s": "p95 s",
    "max_s": "max s",
    "p95_till_read_s": "p95 till read",
    "looks_at_threads_each_5_s": "looks at threads each 5 s",
    "reads_per_min": "reads/min",
}
WORDS = "/tool find_shipment\n/slow 300"  # waits for an output, then works for as long as it is measured


@dataclass(frozen=True)
class Phase:
    """What happens to each run, and the statuses that the index may have of it before."""

    change: Callable[[dict], object]
    before: tuple[str, ...]


def measure() -> dict[str, object]:
    found: dict[str, object] = {}
    for active, per_min in SIZES:
        found |= {f"{active} {name}": one for name, one in measured_size(active, per_min).items()}
    return found


def measured_size(active: int, per_min: int) -> dict[str, object]:
    with Sandbox() as upstream, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        runs = [upstream.wait(run, "requires_action") for run in [upstream.run(WORDS) for _ in range(active)]]
        index = Path(folder) / "index.sqlite3"
        environment = environment_of(upstream, index) | {"RUNSDASH_API_BUDGET_PER_MIN": str(per_min)}
        prepare(environment, runs)
        phases = {
            "stay active": Phase(upstream.answer, ("requires_action",)),
            "end": Phase(lambda run: cancel(upstream, run), ("queued", "in_progress")),
        }
        with worker(upstream, environment), contextlib.closing(sqlite3.connect(index)) as rows:
            return {name: measured(upstream, rows, runs, phase) for name, phase in phases.items()}


def environment_of(upstream: Sandbox, index: Path) -> dict[str, str]:
    return os.environ | {
        "SECRET_KEY": "only-for-benchmarks-" + "x" * 40,
        "DATABASE_URL": f"sqlite:///{index}",
        "DJANGO_SETTINGS_MODULE": "runsdash.settings",
        "RUNSDASH_API_BASE_URL": upstream.base_url,
        "RUNSDASH_API_KEY": upstream.api_key,
        "RUNSDASH_API_KIND": "sandbox",
        "LOG_LEVEL": "WARNING",
    }


def prepare(environment: dict[str, str], runs: list[dict]) -> None:
    def python(*words: str, told: str = "") -> None:
        subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, input=told, text=True, check=True)

    python("manage.py", "migrate", "--verbosity", "0")
    python("-m", "benchmarks.crowd", str(THREADS), told=json.dumps(runs))


@contextlib.contextmanager
def worker(upstream: Sandbox, environment: dict[str, str]) -> Iterator[None]:
    """The worker, from its first look at a run on."""
    command = [sys.executable, "manage.py", "sync"]
    upstream.clear_requests()
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while not upstream.requests(method="GET", path="/runs/run_"):
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError("the worker did not begin")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(timeout=15)


def cancel(upstream: Sandbox, run: dict) -> None:
    upstream.post(f"/threads/{run['thread_id']}/runs/{run['id']}/cancel")


def measured(upstream: Sandbox, rows: sqlite3.Connection, runs: list[dict], phase: Phase) -> dict[str, object]:
    began = time.time()
    delays = sorted(seen_after(rows, runs, phase))
    sent = [one for one in upstream.requests(began) if one["method"] == "GET"]
    looks = Counter(
        int((one["time"] - began) // STRETCH_S)
        for one in sent
        if one["path"].split("?")[0].endswith(("/runs", "/threads"))
    )
    return {
        "n": len(delays),
        "p50_s": round(percentile(delays, 0.5), 2),
        "p95_s": round(percentile(delays, 0.95), 2),
        "max_s": round(delays[-1], 2),
        "p95_till_read_s": till_read_s(sent),
        "looks_at_threads_each_5_s": [looks[at] for at in range(int(CHANGES_WITHIN_S // STRETCH_S))],
        "reads_per_min": round(60 * len(sent) / (time.time() - began)),
        "goal_p95_s": GOAL_S,
    }


def till_read_s(sent: list[dict]) -> float:
    """p95 of how long a change at any moment waits until its run is read: out of all reads, not of thirty changes."""
    times: dict[str, list[float]] = {}
    for one in sent:
        if "/runs/run_" in one["path"] and not one["path"].split("?")[0].endswith("/steps"):
            times.setdefault(one["path"], []).append(one["time"])
    gaps = [after - before for found in times.values() for before, after in pairwise(found)]
    hundredths = (step / 100 for step in count())
    return next(wait for wait in hundredths if sum(max(0, gap - wait) for gap in gaps) <= 0.05 * sum(gaps))


def seen_after(rows: sqlite3.Connection, runs: list[dict], phase: Phase) -> list[float]:
    """Changes the runs at random moments; seconds until the index had each change."""
    dice = random.Random(7)
    waiting = list(zip(sorted(dice.uniform(1, CHANGES_WITHIN_S) for _ in runs), runs, strict=True))
    began, changed, delays = time.monotonic(), {}, {}
    while len(delays) < len(runs):
        if waiting and time.monotonic() - began >= waiting[0][0]:
            run = waiting.pop(0)[1]
            phase.change(run)
            changed[run["id"]] = time.monotonic()
        statuses, now = dict(rows.execute("SELECT upstream_id, status FROM index_run")), time.monotonic()
        new = [one for one in changed if one not in delays and statuses[one] not in phase.before]
        delays |= {one: now - changed[one] for one in new}
        if now - began > CHANGES_WITHIN_S + GIVEN_UP_AFTER_S:
            raise RuntimeError(f"the index has {len(delays)} of {len(runs)} changes")
        time.sleep(LOOK_EVERY_S)
    return list(delays.values())


def report(found: dict[str, dict]) -> str:
    lines = [(name, *(str(one[key]) for key in TOLD)) for name, one in found.items()]
    return (
        table(lines, (f"runs, beside {THREADS:,} due threads", *TOLD.values()))
        + f"\nGoals: p95 ≤ {GOAL_S:g} s, a look at threads in every {STRETCH_S} s, at most 600 reads a minute for 30 runs."
    )
