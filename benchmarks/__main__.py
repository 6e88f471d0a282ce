"""`make bench` and `make bench-live`: run benchmarks, print tables, write results.json."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import (
    beside,
    dataset,
    freshness,
    hot_pages,
    large_runs,
    live,
    load,
    on_postgresql,
    overview,
    pages,
    queries,
)
from benchmarks.measured import table

ADDITIONS = 5_000_000
RESULTS = Path(__file__).parent / "results.json"
# What `make bench` runs; at dataset.LARGE_FROM runs PostgreSQL too.
BENCH = {
    "load": load, "hot_pages": hot_pages, "pages": pages, "large_runs": large_runs, "queries": queries,
    "overview": overview,
}  # fmt: skip
LIVE = {"live": live, "beside": beside, "freshness": freshness}
LARGE = {"on_postgresql": on_postgresql}
COMPARED = {"p50_ms", "p50_s", "runs_per_s", "share of bare"}


def main(chosen: list[str]) -> None:
    found: dict[str, object] = {}
    stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    measured = stored.get("measured", {})
    all_began = time.monotonic()
    print(load_of_machine())
    for name, benchmark in wanted(chosen).items():
        began = time.monotonic()
        where = circumstances()
        print(f"\n== {name}: {benchmark.__doc__.splitlines()[0]}", flush=True)
        found[name] = benchmark.measure()
        before = stored.get(name, {})
        print(benchmark.report(found[name]) if benchmark is not hot_pages else hot_pages.report(found[name], before))
        print(beside_stored(found[name], before, measured.get(name, {})))
        print(f"({time.monotonic() - began:.0f} s; {load_of_machine()})", flush=True)
        stored |= {name: found[name]}
        measured |= {name: where | {"load_after": round(os.getloadavg()[0], 1)}}
        RESULTS.write_text(json.dumps(stored | {"measured": measured}, indent=2) + "\n")
    written = RESULTS.relative_to(Path.cwd()) if RESULTS.is_relative_to(Path.cwd()) else RESULTS
    print(f"\nAll in {time.monotonic() - all_began:.0f} s. Written to {written}")


def circumstances() -> dict[str, object]:
    """Says what was measured, when, and on which machine: kept beside each result."""
    told = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=dataset.ROOT, capture_output=True, text=True)
    return {
        "commit": told.stdout.strip(),
        "measured_at": time.strftime("%Y-%m-%d"),
        "system": platform.system(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "additions_per_s": additions_per_s(),
        "load_before": round(os.getloadavg()[0], 1),
    }


def wanted(chosen: list[str]) -> dict:
    """`--live` names the second set; single names choose out of all."""
    if not chosen:
        return BENCH | (LARGE if dataset.wanted_runs() >= dataset.LARGE_FROM else {})
    if chosen == ["--live"]:
        return LIVE
    return {name: one for name, one in (BENCH | LIVE | LARGE).items() if name in chosen}


def load_of_machine() -> str:
    return f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"


def beside_stored(found: dict, stored: dict, measured: dict) -> str:
    """Figures of both runs side by side; nothing where none was stored. `measured`: when and where that was."""
    before = dict(figures(stored))
    rows = [
        (name, f"{figure:,g}", f"{before[name]:,g}", f"{figure / before[name]:.2f}" if before[name] else "")
        for name, figure in figures(found)
        if name in before
    ]
    size = f"{stored['runs']:,} runs" if "runs" in stored else "then"
    size += f", {measured['measured_at']}, load {measured.get('load_before', 'unknown')}" if measured else ""
    return table(rows, ("beside what is stored", "now", size, "ratio")) if rows else ""


def figures(found: object, path: str = "") -> Iterator[tuple[str, float]]:
    for name, one in found.items() if isinstance(found, dict) else ():
        if name in COMPARED and isinstance(one, int | float):
            yield f"{path}{name}", one
        yield from figures(one, f"{path}{name}, ")


def additions_per_s() -> int:
    """How fast this machine is just now, in plain Python: shared ones differ twofold from one hour to the next."""
    began, total = time.perf_counter(), 0
    for number in range(ADDITIONS):
        total += number
    return round(ADDITIONS / (time.perf_counter() - began))


if __name__ == "__main__":
    main(sys.argv[1:])
