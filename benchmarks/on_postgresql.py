"""The same on PostgreSQL, as a package installs it: the import, run lists and the overview, on a cluster that goes away.

Goals are those of `load`, `queries` and `overview`. Without PostgreSQL it says so and measures nothing.
"""

import time

import psycopg

from benchmarks import dataset, overview, queries
from benchmarks.generate import Past
from benchmarks.measured import table
from tests import postgres

GOAL_RUNS_PER_S = 1_500
# The tests' cluster flushes nothing; a real one does.
AS_INSTALLED = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


def measure() -> dict[str, object]:
    if postgres.missing():
        return {"skipped": postgres.missing()}
    with postgres.Postgres(**AS_INSTALLED) as server:
        url = server.database("bench")
        return {
            "load": loaded(url),
            "vacuum_s": vacuumed_s(url),
            "queries": queries.measure(url),
            "overview": overview.measure(url),
        }


def loaded(url: str) -> dict[str, object]:
    """The file that SQLite's index was made of, twice."""
    runs = dataset.wanted_runs()
    index = dataset.index_of(runs)
    past = Past(runs=runs, body_bytes=dataset.body_bytes_of(runs), until=0)
    dataset.manage(index, "migrate", "--verbosity", "0", url=url)
    first, second = (dataset.imported(index, index.parent / "past.jsonl", past, url=url) for _ in range(2))
    return {
        "runs": runs,
        "first import": {"seconds": first.seconds, "runs_per_s": first.runs_a_second},
        "second import": {"seconds": second.seconds, "rows_changed": second.rows},
        "goal_runs_per_s": GOAL_RUNS_PER_S,
    }


def vacuumed_s(url: str) -> float:
    """What the server does by itself some minutes after an import: words that wait go into their index, and statistics are made."""
    began = time.monotonic()
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("VACUUM ANALYZE")
    return round(time.monotonic() - began, 1)


def report(found: dict) -> str:
    if "skipped" in found:
        return f"Left out: {found['skipped']}."
    load = found["load"]
    first, second, goal = load["first import"], load["second import"], load["goal_runs_per_s"]
    rows = [
        ("import_runs", f"{first['seconds']:.1f}", f"{first['runs_per_s']:,.0f}", f"{goal:,}", missed(first, goal)),
        ("import_runs again", f"{second['seconds']:.1f}", f"{load['runs'] / second['seconds']:,.0f}", "", ""),
    ]
    return "\n\n".join(
        (
            table(rows, (f"{load['runs']:,} runs", "s", "runs/s", "goal", ""))
            + f"\nThe second import changed {second['rows_changed']} rows (goal 0)."
            + f"\nVACUUM ANALYZE took {found['vacuum_s']} s; lists are read after it.",
            queries.report(found["queries"]),
            overview.report(found["overview"]),
        )
    )


def missed(imported: dict, goal: int) -> str:
    return "" if imported["runs_per_s"] >= goal else "under"
