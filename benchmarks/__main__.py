"""`make bench`: runs every benchmark, prints tables, writes results.json."""

import json
import platform
import sys
import time
from pathlib import Path

from benchmarks import (
    beside,
    freshness,
    large_runs,
    load,
    on_postgresql,
    overview,
    pages,
    queries,
)

ADDITIONS = 5_000_000
RESULTS = Path(__file__).parent / "results.json"
BENCHMARKS = {
    "load": load, "pages": pages, "large_runs": large_runs, "queries": queries, "overview": overview, "beside": beside,
    "on_postgresql": on_postgresql, "freshness": freshness,
}  # fmt: skip


def main(chosen: list[str]) -> None:
    found: dict[str, object] = {}
    all_began = time.monotonic()
    for name, benchmark in BENCHMARKS.items():
        if chosen and name not in chosen:
            continue
        began = time.monotonic()
        print(f"\n== {name}: {benchmark.__doc__.splitlines()[0]}", flush=True)
        found[name] = benchmark.measure()
        print(benchmark.report(found[name]))
        print(f"({time.monotonic() - began:.0f} s)", flush=True)
    before = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    machine = {
        "python": platform.python_version(),
        "additions_per_s": additions_per_s(),
        "system": platform.system(),
        "measured_at": time.strftime("%Y-%m-%d"),
    }
    RESULTS.write_text(json.dumps(before | found | {"machine": machine}, indent=2) + "\n")
    written = RESULTS.relative_to(Path.cwd()) if RESULTS.is_relative_to(Path.cwd()) else RESULTS
    print(f"\nAll in {time.monotonic() - all_began:.0f} s. Written to {written}")


def additions_per_s() -> int:
    """How fast this machine is just now, in plain Python: shared ones differ twofold from one hour to the next."""
    began, total = time.perf_counter(), 0
    for number in range(ADDITIONS):
        total += number
    return round(ADDITIONS / (time.perf_counter() - began))


if __name__ == "__main__":
    main(sys.argv[1:])
