"""Everything hostile at once against the delivered server, while one operator goes on with five daily jobs.

Slow and silent clients, answers that nobody reads, hostile texts, dear filters, large uploads and bombs; all of it bounded
and on loopback. Each job has to be answered, with the right result at the upstream and sent once. No time is asserted: how
many times slower the jobs are is printed.
"""

import json
import statistics
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path

import pytest

from tests.attack.askers import Ask, Askers, dear_filters, hostile_texts, sent_in, uploads
from tests.attack.held import Held, Kind
from tests.browser.paths import TOOL
from tests.cluster.chaos_work import CSRF, Dashboard, be_seen, path_of, write_runs
from tests.cluster.several import COOKIE, START_S, Child, Several, eventually
from tests.free_ports import gunicorn
from tests.pages import Element, parsed, run_ids
from tests.upstream import Sandbox

pytestmark = [pytest.mark.long, pytest.mark.clock, pytest.mark.timeout(300)]
PAST_RUNS = 100  # in the index before
FAILED_RUNS = 3
ALONE, BESIDE = 2, 2  # times that each job is done
ANSWER_S = 90
# Of one process: 125 MB before, up to 600 in an attack that took minutes. Bodies of 16 MB are what it goes into.
MEMORY_MB = 1000
SETUP = """
import json
from runsdash.accounts.tokens import new_token
from runsdash.index.models import Connection
Connection.objects.create(slug="sent", name="sent", base_url="", is_enabled=False)
token, secret = new_token(name="attack", scopes=["ingest"], user=None, days=None)
token.save()
print(json.dumps(secret))
"""


class Site:
    """The server with its past, and the operator who uses it."""

    def __init__(self, several: Several, stack: ExitStack) -> None:
        self.several, self.upstream = several, several.upstream
        self.secret = json.loads(several.django(SETUP))
        self.assistant_id = self.upstream.post("/assistants", {"model": "gpt-4o", "name": "Attacked", "tools": [TOOL]})[
            "id"
        ]
        self.port, command, number = stack.enter_context(gunicorn(workers=2))
        self.web: Child = several.start("web", command, pass_fds=(number,))
        several.start_worker()
        self.url = f"http://127.0.0.1:{self.port}"
        self.dashboard = Dashboard(several, self.url, self.secret, answer_s=ANSWER_S)
        eventually(lambda: self.dashboard.ask("/readyz") == 200, seconds=START_S)
        self.send_in_the_past()
        failed = [self.upstream.wait(self.upstream.run("/fail server_error")) for _ in range(FAILED_RUNS)]
        for run in failed:
            be_seen(run, self.dashboard)
        self.failed = {run["id"] for run in failed}
        assert self.listed_failures() == self.failed

    def send_in_the_past(self) -> None:
        write_runs(self.several.folder / "past.jsonl", PAST_RUNS)
        past = Ask("/ingest/sent/", (self.several.folder / "past.jsonl").read_bytes(), "application/json", self.secret)
        assert Askers(self.port, "", {}, answer_s=120).ask(past) == 200

    @property
    def cookies(self) -> str:
        return f"{COOKIE}={self.several.sessions['operator']}; runsdash_csrf={CSRF}"

    def page(self, path: str) -> Element:
        request = urllib.request.Request(self.url + path, headers={"Cookie": self.cookies})
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
            return parsed(answer.read().decode())

    def processes(self) -> list[int]:
        pid = self.web.process.pid
        return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]

    def memory_mb(self) -> int:
        """The most that one process of the web server has held so far."""
        lines = [line for pid in self.processes() for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
        return max(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) // 1024

    def waiting(self, count: int) -> list[dict]:
        """Runs that wait for a tool output, each known to the index."""
        made = [self.upstream.run("/tool", assistant_id=self.assistant_id) for _ in range(count)]
        for run in made:
            be_seen(run, self.dashboard)
        return [self.upstream.wait(run, "requires_action") for run in made]

    def sent(self, run: dict) -> list[str]:
        return [one["path"] for one in self.upstream.requests(method="POST", path=run["id"])]

    # What the operator does

    def listed_failures(self) -> set[str]:
        return set(run_ids(self.page("/runs/?q=status:failed&connection=default")))

    def find(self, run: dict) -> None:
        page = self.page(f"/go/?id={run['id']}")
        assert page.all(data_run_id=run["id"]) or run["id"] in page.text

    def list_failed(self, _: dict) -> None:
        assert self.listed_failures() == self.failed

    def answer(self, run: dict) -> None:
        (call,) = run["required_action"]["submit_tool_outputs"]["tool_calls"]
        self.post(run, "tool-outputs/", {f"output-{call['id']}": json.dumps({"left": 7})})
        assert self.sent(run) == [f"/v1/threads/{run['thread_id']}/runs/{run['id']}/submit_tool_outputs"]
        assert self.upstream.wait(run, "completed", timeout_s=30)["status"] == "completed"
        assert '"left": 7' in json.dumps(self.upstream.steps(run)).replace('\\"', '"')

    def cancel(self, run: dict) -> None:
        self.post(run, "cancel/", {})
        assert self.sent(run) == [f"/v1/threads/{run['thread_id']}/runs/{run['id']}/cancel"]
        assert self.upstream.wait(run, "cancelled", timeout_s=30)["status"] == "cancelled"

    def change_metadata(self, run: dict) -> None:
        self.post(run, "metadata/", {"metadata-0-key": "seen", "metadata-0-value": "by olga"})
        assert self.sent(run) == [f"/v1/threads/{run['thread_id']}/runs/{run['id']}"]
        assert self.upstream.get(f"/threads/{run['thread_id']}/runs/{run['id']}")["metadata"] == {"seen": "by olga"}

    def post(self, run: dict, name: str, typed: dict[str, object]) -> None:
        """Opens the form and sends it, as a person does."""
        path = path_of(run, name)
        form = next(one for one in self.page(path).all("form") if one.get("action") == path)
        hidden = {one["name"]: one["value"] for one in form.all("input", type="hidden")}
        assert self.dashboard.post(path, hidden | {"csrfmiddlewaretoken": CSRF} | typed) in (302, 303)


JOBS: dict[str, Callable[[Site, dict], None]] = {
    "find a run by its id": Site.find,
    "list failed runs": Site.list_failed,
    "answer a tool call": Site.answer,
    "cancel a run": Site.cancel,
    "change metadata": Site.change_metadata,
}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Sandbox("--expires-s", "7200") as upstream, ExitStack() as stack:
        several = stack.enter_context(
            Several(upstream, on_file=True, LOG_LEVEL="WARNING", RUNSDASH_API_BUDGET_PER_MIN="6000")
        )
        yield Site(several, stack)


def took(site: Site, runs: list[dict]) -> dict[str, list[float]]:
    """Seconds of each job; done in turn until no run is left, each on one of its own."""
    found = defaultdict(list)
    for run, (name, job) in zip(runs, cycle(JOBS.items()), strict=False):
        began = time.monotonic()
        job(site, run)
        found[name].append(time.monotonic() - began)
    return found


SLOW = {"half a head": 200, "a dripping head": 50, "a dripping body": 50}


def kinds(cookies: str) -> list[Kind]:
    host = b"Host: localhost\r\n"
    signed = host + f"Cookie: {cookies}\r\n".encode()
    body = b"POST /accounts/login/ HTTP/1.1\r\n" + host + b"Content-Length: 4000\r\n\r\nlogin="
    poll, export = (
        b"GET " + path + b" HTTP/1.1\r\n" + signed + b"\r\n" for path in (b"/runs/live/", b"/runs/export.jsonl")
    )
    script = b"GET /static/js/page.js HTTP/1.1\r\n" + host + b"\r\n"
    leave = b"GET /healthz HTTP/1.1\r\n" + host + b"Connection: close\r\n\r\n"
    return [
        Kind("half a head", SLOW["half a head"], b"GET /runs/ HTTP/1.1\r\n" + host),
        Kind("a dripping head", SLOW["a dripping head"], b"GET /runs/ HTTP/1.1\r\n" + host + b"X-Slow: ", drips=b"x"),
        Kind("a dripping body", SLOW["a dripping body"], body, drips=b"x"),
        Kind("polls that are not read", 100, poll * 2, reads=False, lives=1),
        Kind("exports that are not read", 50, export, reads=False, lives=1),
        Kind("scripts that are not read", 50, script * 60, reads=False, lives=1),
        Kind("who asks to close and stays", 50, leave, reads=False),
    ]


def test_an_operator_gets_on_while_everything_attacks(site: Site) -> None:
    noted, *runs = site.waiting(1 + len(JOBS) * (ALONE + BESIDE))
    alone, processes, memory_mb = took(site, runs[: len(JOBS) * ALONE]), site.processes(), site.memory_mb()
    asks = {
        "hostile texts": hostile_texts(noted, site.secret),
        "dear filters": dear_filters(),
        "uploads and bombs": uploads(),
        "sent in": sent_in(site.secret),
    }
    with Held(site.port, kinds(site.cookies)) as held, Askers(site.port, site.cookies, asks) as askers:
        beside = took(site, runs[len(JOBS) * ALONE :])
        eventually(lambda: all(held.heard[name, 408] >= count for name, count in SLOW.items()), seconds=ANSWER_S)
        print(f"begun {dict(held.begun)}\nheard {dict(held.heard)}\nasked {dict(askers.heard)}")
    for name in JOBS:
        times = statistics.median(beside[name]) / statistics.median(alone[name])
        print(f"{name}: {times:.1f} times slower, at worst {max(beside[name]):.1f} s")
    print(f"memory: {memory_mb} MB before, at most {site.memory_mb()} MB")
    assert {name for name, _ in askers.heard} == set(asks)
    assert [one for one in askers.failed if not one.startswith("503 ")] == []
    assert site.processes() == processes
    assert [child.process.poll() for child in site.several.children] == [None, None]
    assert site.dashboard.ask("/healthz") == 200
    assert site.listed_failures() == site.failed
    assert site.memory_mb() < MEMORY_MB
