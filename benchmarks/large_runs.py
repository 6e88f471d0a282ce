"""Pages of runs out of the ordinary: 10,000 steps, and a tool output of 20 MB.

Goals: the first byte within 100 ms and at most 300 KB of HTML for any page of the 10,000 steps; the run with 20 MB opens
as fast as any, and the download of its step begins at once.
"""

import json
import tempfile
import time
from pathlib import Path

from benchmarks.measured import summary, table
from benchmarks.servers import Reader, Web
from runsdash.service import Client
from tests.upstream import Sandbox

STEPS, OUTPUT_BYTES = 10_000, 20_000_000
TIMES = 25
GOAL_MS, GOAL_KB = 100, 300


def measure() -> dict[str, object]:
    with Sandbox() as upstream, Web(environment=environment_of(upstream)) as web:
        many, large = upstream.seed(steps=STEPS), upstream.seed(steps=1, output_bytes=OUTPUT_BYTES)
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            client = Client(upstream.base_url, upstream.api_key, kind="sandbox")
            for made in (many, large):
                write_objects(client, made, Path(file.name))
            web.manage("import_runs", "--connection", "default", file.name)
        paths = paths_of(many, large)
        for path in paths.values():
            web.reader.get(path)  # what is stale settles, templates load
        return {name: visits(web.reader, path) for name, path in paths.items()}


def environment_of(upstream: Sandbox) -> dict[str, str]:
    api = {"BASE_URL": upstream.base_url, "KEY": upstream.api_key, "KIND": "sandbox"}
    return {f"RUNSDASH_API_{name}": value for name, value in api.items()}


def write_objects(client: Client, made: dict, file: Path) -> None:
    """A thread, its run and all its steps, as JSON lines."""
    ids = {"thread_id": made["thread_id"], "run_id": made["run_id"]}
    thread, run = client.retrieve_thread(thread_id=made["thread_id"]), client.retrieve_run(**ids)
    with file.open("a") as lines:
        for one in (thread, run, *client.iter_run_steps(**ids, limit=100, order="asc")):
            lines.write(json.dumps(one.raw) + "\n")


def paths_of(many: dict, large: dict) -> dict[str, str]:
    first, other = (f"/threads/{one['thread_id']}/runs/{one['run_id']}/" for one in (many, large))
    steps, step = many["step_ids"], large["step_ids"][0]
    return {
        "10,000 steps, first page": first,
        "10,000 steps, in the middle": f"{first}?after={steps[STEPS // 2]}",
        "10,000 steps, the last one chosen": f"{first}?step={steps[-1]}",
        "10,000 steps, its poll": f"{first}live/",
        "20 MB output": f"{other}?step={step}",
        "20 MB output, download": f"{other}steps/{step}/raw.json",
    }


def visits(reader: Reader, path: str) -> dict[str, object]:
    found = [visit(reader, path) for _ in range(TIMES)]
    times = summary([first_byte_ms for first_byte_ms, _ in found])
    return times | {"kb": round(found[-1][1] / 1000, 1), "goal_ms": GOAL_MS}


def visit(reader: Reader, path: str) -> tuple[float, int]:
    """(milliseconds to the first byte, bytes in all)."""
    began = time.perf_counter()
    response = reader.response_of("GET", path)
    size = len(response.read(1))
    first_byte_ms = (time.perf_counter() - began) * 1000
    while piece := response.read(1 << 20):
        size += len(piece)
    return first_byte_ms, size


def report(found: dict[str, dict]) -> str:
    rows = [(name, f"{one['p50_ms']}", f"{one['p95_ms']}", f"{one['kb']:,}") for name, one in found.items()]
    head = ("page", "first byte p50 ms", "p95 ms", "KB")
    return f"{table(rows, head)}\nGoals: first byte ≤ {GOAL_MS} ms; pages of 10,000 steps ≤ {GOAL_KB} KB."
