"""PostgreSQL, two workers, two web processes. One worker is killed in the middle of an import."""

import json
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urljoin

import pytest

from tests import postgres
from tests.cluster.several import Child, Several, eventually
from tests.rows import run_object
from tests.upstream import Sandbox

pytestmark = [
    pytest.mark.long,
    pytest.mark.clock,
    pytest.mark.skipif(bool(postgres.missing()), reason=postgres.missing()),
]
RUNS = 5_000
SEEDED = 30
ADD_IMPORT = """
from runsdash.index.models import Connection
from runsdash.sync.jobs.jobs import add_job
archive = Connection.objects.create(slug="old", name="old", base_url="http://127.0.0.1:9/v1", is_enabled=False)
print(add_job("import_runs", connection=archive, created_by="anna", file_name="runs.jsonl").pk)
"""
COUNTS = """
SELECT count(*), count(DISTINCT r.upstream_id), (SELECT count(*) FROM index_runstep s WHERE s.connection_id = c.id)
FROM index_run r JOIN index_connection c ON c.id = r.connection_id WHERE c.slug = %s GROUP BY c.id
"""


def test_a_worker_killed_in_an_import_loses_nothing_and_repeats_nothing():
    with Sandbox("--seed-runs", str(SEEDED)) as upstream, Several(upstream) as several:
        ids = write_runs(several.files / "runs.jsonl")
        webs = [several.start_web() for _ in range(2)]
        workers = [several.start_worker() for _ in range(2)]
        eventually(lambda: all("reads what is due" in worker.said for worker in workers), seconds=20)
        job = int(several.django(ADD_IMPORT))

        at_kill = kill_in_the_middle(several, workers, job)
        began = time.monotonic()
        eventually(lambda: state_of(several, job)[0] == "done", seconds=60)

        print(f"\nkilled at byte {at_kill:,}; the other worker was done {time.monotonic() - began:.1f} s later")
        assert several.rows(COUNTS, "old") == [(RUNS, RUNS, RUNS)]
        assert seen_on_pages(several, webs, "connection:old") == Counter(ids)
        # Meanwhile the upstream's own runs were found, by whichever worker was there.
        eventually(lambda: len(seen_on_pages(several, webs, "connection:default")) >= SEEDED, seconds=40, every_s=0.5)
        assert set(seen_on_pages(several, webs, "connection:default").values()) == {1}


def write_runs(path: Path) -> list[str]:
    """Each run on a thread of its own, with one step; several pieces of an import."""
    ids = []
    with path.open("w") as file:
        for number in range(RUNS):
            run = run_object(age_s=60 + number, instructions="Check every parcel of the evening van. " * 40)
            ids.append(run["id"])
            thread = {"id": run["thread_id"], "object": "thread", "created_at": run["created_at"], "metadata": {}}
            step = {
                "id": f"step_{number}", "object": "thread.run.step", "run_id": run["id"], "status": "completed",
                "thread_id": run["thread_id"], "assistant_id": run["assistant_id"], "type": "message_creation",
                "created_at": run["created_at"], "completed_at": run["created_at"] + 1, "usage": None,
                "step_details": {"type": "message_creation", "message_creation": {"message_id": f"msg_{number}"}},
            }  # fmt: skip
            file.writelines(json.dumps(one) + "\n" for one in (thread, run, step))
    return ids


def state_of(several: Several, job: int) -> tuple[str, int]:
    """State, and how far it is in the file."""
    state, place = several.rows("SELECT state, place FROM index_job WHERE id = %s", job)[0]
    assert state != "failed", several.rows("SELECT error FROM index_job WHERE id = %s", job)
    return state, place.get("byte", 0)


def kill_in_the_middle(several: Several, workers: list[Child], job: int) -> int:
    """Kills the worker that imports, once a piece of it is in; returns how far it was."""
    byte = eventually(lambda: state_of(several, job)[1], seconds=30, every_s=0.01)
    importing = [worker for worker in workers if f"job import_runs {job} begins" in worker.said]
    assert len(importing) == 1
    importing[0].kill()
    assert state_of(several, job)[0] == "running", "it was done before it could be killed"
    return byte


def seen_on_pages(several: Several, webs: list[str], text: str) -> Counter[str]:
    """Every run of a list, page by page, each page from the other web process."""
    found: Counter[str] = Counter()
    path, turn = f"/runs/?q={text}&limit=100", 0
    while path:
        page = several.page(urljoin(webs[turn % 2], path))
        found.update(row["data-run-id"] for row in page.all(data_run_id=True))
        following = page.all("a", rel="next")
        path, turn = following[0]["href"] if following else "", turn + 1
        if path.startswith("?"):
            path = f"/runs/{path}"
    return found
