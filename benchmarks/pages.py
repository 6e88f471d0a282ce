"""What the dashboard takes on top of an upstream that answers in 100 ms.

Goals: a run never seen before opens within 1.5 upstream calls (its reads go out side by side); a terminal run that is
in the index opens within 50 ms and asks the upstream nothing.
"""

from benchmarks.measured import summary, table, times_ms
from benchmarks.servers import Web
from runsdash.service import Client
from tests.upstream import Sandbox

LATENCY_MS = 100
UNSEEN, SEEN = 30, 100


def measure() -> dict[str, object]:
    with Sandbox("--latency-ms", str(LATENCY_MS), "--seed-runs", "400") as upstream:
        environment = {
            "RUNSDASH_API_BASE_URL": upstream.base_url,
            "RUNSDASH_API_KEY": upstream.api_key,
            "RUNSDASH_API_KIND": "sandbox",
        }
        runs = ended_runs(upstream, UNSEEN + 5)
        with Web(environment=environment) as web:
            return measured(upstream, web, runs)


def ended_runs(upstream: Sandbox, count: int) -> list[dict]:
    found: list[dict] = []
    for thread in upstream.get("/threads?limit=100")["data"]:
        page = upstream.get(f"/threads/{thread['id']}/runs?limit=20")["data"]
        found += [run for run in page if run["status"] == "completed"]
        if len(found) >= count:
            break
    return found[:count]


def measured(upstream: Sandbox, web: Web, runs: list[dict]) -> dict[str, object]:
    client = Client(upstream.base_url, upstream.api_key, kind="sandbox")
    paths = [f"/threads/{run['thread_id']}/runs/{run['id']}/" for run in runs]
    for path in paths[:5]:  # imports, templates, connections
        web.reader.get(path)
    runs, paths = runs[5:], paths[5:]
    one_call = summary(times_ms(
        [lambda run=run: client.retrieve_run(thread_id=run["thread_id"], run_id=run["id"]) for run in runs]
    ))  # fmt: skip
    unseen = summary(times_ms([lambda path=path: opened(web, path) for path in paths]))
    for path in paths:
        web.reader.get(path)  # the second look settles what a first one could not know
    upstream.clear_requests()
    seen = summary(times_ms([lambda path=path: opened(web, path) for path in (paths * 10)[:SEEN]]))
    asked = len(upstream.requests())
    return {
        "one upstream call": one_call,
        "a run never seen": unseen | {"upstream_calls": round(unseen["p50_ms"] / one_call["p50_ms"], 2), "goal": 1.5},
        "a terminal run in the index": seen | {"upstream_requests": asked, "goal_ms": 50},
    }


def opened(web: Web, path: str) -> None:
    status, body = web.reader.get(path)
    if status != 200 or b'data-run-id="' not in body:
        raise RuntimeError(f"{path} answered {status}")


def report(found: dict[str, dict]) -> str:
    rows = [(name, str(one["n"]), f"{one['p50_ms']}", f"{one['p95_ms']}") for name, one in found.items()]
    calls = found["a run never seen"]["upstream_calls"]
    asked = found["a terminal run in the index"]["upstream_requests"]
    return (
        table(rows, ("page", "n", "p50 ms", "p95 ms"))
        + f"\nA run never seen costs {calls} upstream calls of time (goal ≤ 1.5)."
        + f"\nOpening runs that are in the index sent {asked} requests to the upstream (goal 0)."
    )
