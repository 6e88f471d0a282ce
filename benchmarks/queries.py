"""Run lists for any filter and sort, run pages, and pages a second, on an index of BENCH_RUNS runs.

Goals at a million: a page with one filter or any sort ≤ 40 ms at p95 at any depth, other combinations ≤ 300 ms, facets
and a first look at totals ≤ 60 ms, an exact second look at facets ≤ 1.1 s, one run ≤ 50 ms, and ≥ 100 pages a second for
8 clients on 2 workers × 4 threads. `cpu` is the time of the dashboard's process, which other work on the machine disturbs
less. BENCH_DATABASE_URL measures a database that is filled already, of either engine: rows of `benchmarks.listed_rows`
have no steps and bodies, those of an import have.
"""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.measured import table
from benchmarks.servers import ROOT, Web

USUAL_RUNS = 20_000
FILLED = os.environ.get("BENCH_DATABASE_URL", "")
CLIENTS, PAGES_A_CLIENT = 8, 40
GOALS_MS = {"page": 40, "other": 300, "facets": 60, "exact": 1100, "totals": 60, "suggestions": 40, "run": 50}


def measure(filled: str = FILLED) -> dict[str, object]:
    """`filled`: the address of a database that has its runs already."""
    runs = int(os.environ.get("BENCH_RUNS", USUAL_RUNS))
    environment = {"DJANGO_SETTINGS_MODULE": "runsdash.settings", "LOG_LEVEL": "ERROR"}
    with Web(
        environment=environment | ({"DATABASE_URL": filled} if filled else {}), workers=2, flags=("--threads", "4")
    ) as web:
        if not filled:
            run(web, "benchmarks.listed_rows", str(runs))
        found = json.loads(run(web, "benchmarks.list_times"))
        return {**found, "pages_a_second": round(pages_a_second(web), 1)}


def run(web: Web, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env=web.environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def pages_a_second(web: Web) -> float:
    """Of the unfiltered list, first page, for 8 clients."""

    def read(_: int) -> None:
        for _ in range(PAGES_A_CLIENT):
            status, body = web.reader.get("/runs/")
            if status != 200 or b"data-run-id" not in body:
                raise RuntimeError(f"/runs/ answered {status}")

    web.reader.get("/runs/")
    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(read, range(CLIENTS)))
    return CLIENTS * PAGES_A_CLIENT / (time.perf_counter() - began)


def report(found: dict) -> str:
    rows = []
    for name, one in found["times"].items():
        goal = GOALS_MS[name.replace(":", ",").replace(" ", ",").split(",")[0]]
        miss = "" if one["p95_ms"] <= goal else "over"
        rows.append(
            (
                name,
                f"{one['p50_ms']}",
                f"{one['p95_ms']}",
                f"{one['cpu_p50_ms']}",
                f"{one['cpu_p95_ms']}",
                f"{goal}",
                miss,
            )
        )
    return (
        f"{found['runs']:,} runs\n"
        + table(rows, ("what", "p50 ms", "p95 ms", "cpu p50", "cpu p95", "goal", ""))
        + f"\n{found['pages_a_second']} pages/s for {CLIENTS} clients (goal 100)."
    )
