"""How fast `import_runs` loads, full text and parsing included.

Goals: 2,000 runs/s for the first 100,000, 1,200 over a million; 70 % as fast as a bare executemany of the same rows or
better; a second import of the same file changes nothing and is faster.
"""

from pathlib import Path

from benchmarks import bare, dataset
from benchmarks.generate import Past
from benchmarks.measured import table

RUNS_A_TRANSACTION = 2_000


def measure() -> dict[str, object]:
    runs = dataset.wanted_runs()
    first = dataset.load(runs)
    folder = dataset.folder_of(runs)
    index, other = folder / "index.sqlite3", folder / "bare.sqlite3"
    bare_s, bare_rows = bare.seconds(index, into=other, parts=max(1, runs // RUNS_A_TRANSACTION))
    remove(other)
    second = dataset.imported(index, folder / "past.jsonl", Past(runs=0, until=first.until))
    return {
        "runs": runs,
        "objects": first.rows,
        "body_bytes": first.body_bytes,
        "first import": {"seconds": first.seconds, "runs_per_s": first.runs_a_second},
        "bare executemany": {"seconds": round(bare_s, 1), "runs_per_s": round(runs / bare_s), "rows": bare_rows},
        "share of bare": round(bare_s / first.seconds, 2),
        "second import": {"seconds": second.seconds, "rows_changed": second.rows},
        "file_mb": round((folder / "past.jsonl").stat().st_size / 1e6),
        "index_mb": round(index.stat().st_size / 1e6),
    }


def remove(path: Path) -> None:
    for name in (path, *path.parent.glob(f"{path.name}-*")):
        name.unlink(missing_ok=True)


def report(found: dict) -> str:
    first, plain, second = found["first import"], found["bare executemany"], found["second import"]
    rows = [
        ("import_runs", f"{first['seconds']:.1f}", f"{first['runs_per_s']:,.0f}"),
        ("bare executemany", f"{plain['seconds']:.1f}", f"{plain['runs_per_s']:,}"),
        ("import_runs again", f"{second['seconds']:.1f}", f"{found['runs'] / second['seconds']:,.0f}"),
    ]
    return (
        table(rows, (f"{found['runs']:,} runs, {found['objects']:,} objects", "s", "runs/s"))
        + f"\nThe import is {found['share of bare']:.0%} as fast as the bare statements (goal ≥ 70 %)."
        + f"\nThe second import changed {second['rows_changed']} rows (goal 0)."
        + f"\n{found['file_mb']:,} MB of JSON lines became an index of {found['index_mb']:,} MB."
    )
