"""What the overview costs over an index of any size: the page, its poll, the badge, and the making of sums.

Goals at a million runs: the whole page of 30 days within 80 ms at p95, the badge within 10 ms. What is drawn from sums is
kept while they stay the same; a range that nobody has looked at is drawn, so that is measured apart. BENCH_RUNS sets the size;
BENCH_DATABASE_URL measures a database that `benchmarks.listed_rows` has filled already, of either engine.
"""

import html
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from benchmarks.measured import summary, table, times_ms
from benchmarks.servers import ROOT, Web

RUNS = int(os.environ.get("BENCH_RUNS", "20000"))  # to make; of a database that is there its own are told
PAGES, POLLS = 60, 100
FILLED = os.environ.get("BENCH_DATABASE_URL", "")
SETTINGS = {"DJANGO_SETTINGS_MODULE": "runsdash.settings", "LOG_LEVEL": "ERROR"}
UNSEEN, ZONE = "page of a month, never seen", "Europe/Berlin"
OF_ZONE = f"{UNSEEN}, in {ZONE}"
GOALS_MS = {"page of 30 days": 80, UNSEEN: 80, OF_ZONE: 80, "badge": 10}


def measure(filled: str = FILLED) -> dict[str, object]:
    """`filled`: the address of a database that has its runs already."""
    with Web(environment=SETTINGS | ({"DATABASE_URL": filled} if filled else {})) as web:
        if not filled:
            run_module(web, "listed_rows", str(RUNS))
        made = json.loads(run_module(web, "summed_rows"))
        return measured(web) | made


def run_module(web: Web, name: str, *words: str) -> str:
    """What it printed."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *words]
    return subprocess.run(command, cwd=ROOT, env=web.environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def measured(web: Web) -> dict[str, object]:
    pages = {"page of 24 hours": "/?range=24h", "page of 7 days": "/", "page of 30 days": "/?range=30d"}
    for name in ("model", "assistant", "status", "connection"):
        pages[f"page of 30 days by {name}"] = f"/?range=30d&group={name}"
    found: dict[str, object] = {}
    live_in(web, "UTC")
    for name, path in pages.items():
        for _ in range(3):
            web.reader.get(path)
        found[name] = summary(times_ms([lambda path=path: opened(web, path)] * PAGES))
    found[UNSEEN] = summary(times_ms([lambda path=path: opened(web, path) for path in months()]))
    found["poll without news"] = summary(times_ms([polling(web, "/?range=30d", 304)] * POLLS))
    live_in(web, ZONE)
    run_module(web, "summed_rows", "zones")
    found[OF_ZONE] = summary(times_ms([lambda path=path: opened(web, path) for path in months()]))
    return found


def live_in(web: Web, zone: str) -> None:
    web.reader.send("/profile/time-zone/", {"time_zone": zone}, seen_on="/profile/")


def months() -> list[str]:
    """Addresses of ranges of about 30 days, all different: of each an hour more than of the one before."""
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    starts = [end - timedelta(days=30, hours=hours) for hours in range(PAGES)]
    return ["/?" + urlencode({"from": f"{start:%Y-%m-%dT%H:%MZ}", "to": f"{end:%Y-%m-%dT%H:%MZ}"}) for start in starts]


def opened(web: Web, path: str) -> bytes:
    status, body = web.reader.get(path)
    if status != 200 or b'id="figures"' not in body:
        raise RuntimeError(f"{path} answered {status}")
    return body


def polling(web: Web, path: str, wanted: int):
    body = opened(web, path).decode()
    poller = re.search(r'<\w+[^>]*id="poll"[^>]*>', body)[0]
    url, tag = (html.unescape(re.search(rf'{name}="([^"]+)"', poller)[1]) for name in ("hx-get", "hx-ptag"))

    def poll() -> None:
        status, _ = web.reader.get(url, {"HX-Request": "true", "HX-PTag": tag})
        if status != wanted:
            raise RuntimeError(f"{url} answered {status}, not {wanted}")

    return poll


def report(found: dict[str, object]) -> str:
    rows = []
    for name, one in found.items():
        if isinstance(one, dict):
            goal = GOALS_MS.get(name)
            rows.append((name, str(one["n"]), f"{one['p50_ms']}", f"{one['p95_ms']}", f"≤ {goal}" if goal else ""))
    sums = f"Sums of {found['hours']} hours were made in {found['seconds']} s, the slowest in {found['slowest hour ms']} ms."
    return f"{found['runs']:,} runs\n{table(rows, ('overview', 'n', 'p50 ms', 'p95 ms', 'goal'))}\n{sums}"
