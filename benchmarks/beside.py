"""Run lists while an import runs beside them. It adds runs to the loaded index, which later benchmarks do not mind.

Goals: p95 of list pages at most three times that without an import; a web process takes at most 200 MB.
"""

import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks import dataset
from benchmarks.generate import Past, write
from benchmarks.measured import summary, table
from benchmarks.servers import ROOT, Web

PATHS = ("/runs/", "/runs/?q=status%3Afailed", "/runs/?q=model%3Agpt-4o", "/runs/?q=invoice", "/runs/?sort=-tokens")
READERS = 2
WARM_S, ALONE_S, BESIDE_S, IMPORT_S = 2.0, 10.0, 45.0, 120.0
PAST_RUNS = 20_000  # at most; of a small index a quarter, so that the usual size takes its few minutes


def measure() -> dict[str, object]:
    runs = dataset.wanted_runs()
    environment = dataset.environment_of(dataset.index_of(runs))
    with tempfile.TemporaryDirectory(prefix="beside-") as folder:
        past = Path(folder) / "past.jsonl"
        with past.open("wb") as file:
            past_runs = min(PAST_RUNS, runs // 4)
            write(Past(runs=past_runs, body_bytes=dataset.body_bytes_of(runs), first=time.time_ns()), file)
        with Web(environment=environment, workers=2, flags=("--threads", "4")) as web:
            read_for(web, WARM_S)
            alone = read_for(web, ALONE_S)
            command = [sys.executable, "manage.py", "import_runs", str(past)]
            importing = subprocess.Popen(command, cwd=ROOT, env=web.environment, stdout=subprocess.DEVNULL)
            beside = read_for(web, BESIDE_S, beside=importing)
            importing.wait(timeout=IMPORT_S)
            peak_mb = max(peak_mb_of(pid) for pid in workers_of(web.process.pid))
    ratio = round(summary(beside)["p95_ms"] / summary(alone)["p95_ms"], 2)
    return {
        "runs": runs,
        "alone": summary(alone),
        "beside an import": summary(beside),
        "ratio": ratio,
        "peak_mb": peak_mb,
    }


def read_for(web: Web, seconds: float, *, beside: subprocess.Popen | None = None) -> list[float]:
    """Times in ms of list pages read by READERS at once, until the time is over or `beside` has ended."""
    found: list[float] = []
    deadline = time.monotonic() + seconds

    def read(number: int) -> None:
        while time.monotonic() < deadline and (beside is None or beside.poll() is None):
            path, began = PATHS[number % len(PATHS)], time.perf_counter()
            status, _ = web.reader.get(path)
            if status != 200:
                raise RuntimeError(f"{path} answered {status}")
            found.append((time.perf_counter() - began) * 1000)
            number += 1

    threads = [threading.Thread(target=read, args=(place,)) for place in range(READERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def workers_of(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def peak_mb_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def report(found: dict) -> str:
    rows = [
        (name, *(f"{found[name][key]}" for key in ("n", "p50_ms", "p95_ms"))) for name in ("alone", "beside an import")
    ]
    return (
        f"{found['runs']:,} runs\n"
        + table(rows, ("list pages", "n", "p50 ms", "p95 ms"))
        + f"\np95 beside an import is {found['ratio']} times that without (goal ≤ 3)."
        + f"\nThe largest web process took {found['peak_mb']} MB (goal ≤ 200)."
    )
