"""What pages and polls cost the delivered server, beside an empty view for who is signed in.

Processor time of one web process for one request, over kept connections, pages unpacked. All are asked in turn, round by
round, and the cheapest round counts, so that a busy machine or a slow hour changes ratios least. A run that is looked
at again is kept (decision 51), so first looks are asked for apart, each at another run.
"""

import html
import re
from collections.abc import Callable
from functools import partial
from itertools import cycle

from benchmarks import dataset
from benchmarks.measured import table
from benchmarks.servers import Web

FLOOR = "floor: an empty view, signed in"
ROUNDS, ASKED = 6, 12
WARM = 4
GOALS_MS = {
    "shell alone": 3.5, "list": 7, "run, first look": 9, "run, again": 9, "overview, 7 days": 10, "overview, 30 days": 10,
    "list, poll without news": 3, "overview, poll without news": 3,
}  # fmt: skip
A_RUN = re.compile(r'<a[^>]*href="(/threads/[^"/]+/runs/[^"/]+/)"')
POLLER = re.compile(r'<\w+[^>]*id="poll"[^>]*>')
# As a worker does after an import: until then polls of the overview make sums.
MAKE_SUMS = "from runsdash.index.totals.rollups import roll_up\nwhile roll_up(within_s=30): pass"
Ask = Callable[[], None]


def measure() -> dict[str, object]:
    runs = dataset.wanted_runs()
    index = dataset.index_of(runs)
    dataset.manage(index, "shell", "-v", "0", "-c", MAKE_SUMS)
    environment = dataset.environment_of(index)
    with Web(environment=environment | {"DJANGO_SETTINGS_MODULE": "benchmarks.floor_settings"}) as web:
        asks = {name: partial(opened, web, path) for name, path in pages(web).items()} | first_looks(web) | polls(web)
        for ask in asks.values():
            for _ in range(WARM):
                ask()
        costs: dict[str, list[float]] = {name: [] for name in asks}
        for _ in range(ROUNDS):
            for name, ask in asks.items():
                costs[name].append(cost_ms(web, ask))
    floor = min(costs[FLOOR])
    return {
        "runs": runs,
        "costs": {
            name: {"cpu_ms": round(min(found), 2), "floors": round(min(found) / floor, 2)}
            for name, found in costs.items()
        },
    }


def pages(web: Web) -> dict[str, str]:
    """Addresses by name; the run is a completed one of the list."""
    _, completed = web.reader.get("/runs/?q=status%3Acompleted")
    return {
        FLOOR: "/floor/",
        "shell alone": "/shell/",
        "list": "/runs/",
        "list, by a status": "/runs/?q=status%3Afailed",
        "list, by a word": "/runs/?q=invoice",
        "run, again": html.unescape(A_RUN.search(completed.decode())[1]),
        "overview, 7 days": "/?range=7d",
        "overview, 30 days": "/?range=30d",
        "inbox": "/needs-action/",
        "threads": "/threads/",
    }


def first_looks(web: Web) -> dict[str, Ask]:
    """Each call opens the next of a hundred runs, more than are asked for, so none is looked at twice."""
    found: dict[str, Ask] = {}
    for name, status in {"run, first look": "completed", "failed run, first look": "failed"}.items():
        _, listed = web.reader.get(f"/runs/?q=status%3A{status}&limit=100")
        addresses = cycle(dict.fromkeys(map(html.unescape, A_RUN.findall(listed.decode()))))
        found[name] = lambda addresses=addresses: opened(web, next(addresses))
    return found


def polls(web: Web) -> dict[str, Ask]:
    """Polls of pages that have one; each is told that nothing is new."""
    found: dict[str, Ask] = {}
    for name, path in {"list": "/runs/", "overview": "/?range=7d", "inbox": "/needs-action/"}.items():
        _, body = web.reader.get(path)
        poller = POLLER.search(body.decode())
        address = poller and re.search(r'hx-get="([^"]+)"', poller[0])
        tag = poller and re.search(r'hx-ptag="([^"]+)"', poller[0])
        if address and tag:
            headers = {"HX-Request": "true", "HX-PTag": html.unescape(tag[1])}
            found[f"{name}, poll without news"] = partial(polled, web, html.unescape(address[1]), headers)
    return found


def opened(web: Web, path: str) -> None:
    status, _ = web.reader.get(path)
    if status != 200:
        raise RuntimeError(f"{path} answered {status}")


def polled(web: Web, path: str, headers: dict[str, str]) -> None:
    status, _ = web.reader.get(path, headers)
    if status not in (200, 304):
        raise RuntimeError(f"{path} answered {status}")


def cost_ms(web: Web, ask: Ask) -> float:
    before = web.processor_s()
    for _ in range(ASKED):
        ask()
    return (web.processor_s() - before) * 1000 / ASKED


def report(found: dict, stored: dict) -> str:
    before = stored.get("costs", {})
    rows = [
        (
            name,
            f"{one['cpu_ms']:.1f}",
            f"{one['floors']:.1f}",
            f"{before[name]['cpu_ms']:.1f}" if name in before else "",
            f"{before[name]['floors']:.1f}" if name in before else "",
            f"{GOALS_MS[name]:g}" if name in GOALS_MS else "",
        )
        for name, one in found["costs"].items()
    ]
    head = (f"{found['runs']:,} runs", "ms", "floors", "stored ms", "stored floors", "goal ms")
    return table(rows, head)
