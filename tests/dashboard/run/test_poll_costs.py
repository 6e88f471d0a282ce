"""What an open page costs while nothing changes: reads of the upstream when many look, and bytes of an answer."""

import re
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from runsdash.dashboard.shell.shell import PILL_STEP_S
from runsdash.index.models import Connection
from tests.dashboard.conftest import path_of
from tests.pages import Element, parsed
from tests.served import Served, cookie_of, served
from tests.upstream import Sandbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.clock]
VIEWERS = 50
SECONDS = 10.0
READS_AN_INTERVAL = 1.2
POLL_BYTES = 1024


@pytest.fixture(scope="module")
def web(django_db_setup: None) -> Iterator[Served]:
    with served() as found:
        yield found
    connections.close_all()


@pytest.fixture
def unlimited(connection: Connection) -> None:
    """Only the age of copies holds reads back, not the budget."""
    Connection.objects.update(budget_per_min=0)


class Tab:
    """One viewer's page: it asks as often as it was told, with the tag and the address it was given."""

    def __init__(self, web: Served, cookie: str, page: Element) -> None:
        self.wire, self.headers = web.dial(), {"Cookie": cookie, "HX-Request": "true"}
        self.statuses: list[int] = []
        self.take(page)

    def take(self, page: Element) -> None:
        poll = page.one(id="poll")
        self.url, self.tag = poll["hx-get"], poll["hx-ptag"]
        self.interval_s = int(re.match(r"every (\d+)s", poll["hx-trigger"])[1])

    def watch(self, *, first_at: float, until: float) -> None:
        at = first_at
        while at < until:
            time.sleep(max(0.0, at - time.monotonic()))
            self.wire.request("GET", self.url, headers=self.headers | {"HX-PTag": self.tag})
            answer = self.wire.getresponse()
            body = answer.read().decode()
            self.statuses.append(answer.status)
            if answer.status == 200:
                self.take(parsed(body))
            at += self.interval_s
        self.wire.close()


def tabs_on(web: Served, client: Client, path: str) -> list[Tab]:
    page = parsed(client.get(path))
    return [Tab(web, cookie_of(client), page) for _ in range(VIEWERS)]


def watch_all(tabs: list[Tab]) -> None:
    """Everybody at their own moment of the interval."""
    began = time.monotonic() + 0.2
    threads = [
        threading.Thread(
            target=tab.watch,
            kwargs={"first_at": began + tab.interval_s * (at % VIEWERS) / VIEWERS, "until": began + SECONDS},
        )
        for at, tab in enumerate(tabs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def reads_an_interval(upstream: Sandbox, path: str, *, interval_s: int) -> float:
    sent = upstream.requests(method="GET", path=path)
    times = [one["time"] for one in sent if one["path"].split("?")[0].endswith(path)]
    found = (len(times) - 1) / ((max(times) - min(times)) / interval_s)
    print(f"\n{VIEWERS} viewers, every {interval_s} s: {len(times)} reads of {path}, {found:.2f} an interval")
    return found


@pytest.mark.long
def test_fifty_viewers_cost_one_read_an_interval_whatever_the_interval(unlimited, upstream, web, operator):
    run, other = (upstream.seed(status="in_progress", steps=1) for _ in range(2))
    thread_path = f"/threads/{other['thread_id']}"
    on_run, on_thread = tabs_on(web, operator, path_of(run)), tabs_on(web, operator, f"{thread_path}/")
    assert {tab.interval_s for tab in on_run} == {2}
    assert {tab.interval_s for tab in on_thread} == {5}
    upstream.clear_requests()

    watch_all([*on_run, *on_thread])

    assert {status for tab in [*on_run, *on_thread] for status in tab.statuses} <= {200, 304}
    assert min(len(tab.statuses) for tab in on_run) >= SECONDS / 2 - 1
    assert min(len(tab.statuses) for tab in on_thread) >= SECONDS / 5 - 1
    assert 0.7 <= reads_an_interval(upstream, f"/runs/{run['run_id']}", interval_s=2) <= READS_AN_INTERVAL
    assert 0.7 <= reads_an_interval(upstream, thread_path, interval_s=5) <= READS_AN_INTERVAL


@pytest.mark.parametrize(
    "page",
    ["run", "/runs/", *(pytest.param(page, marks=pytest.mark.long) for page in ("thread", "/", "/needs-action/"))],
)
def test_a_poll_that_brings_nothing_is_small(page, unlimited, upstream, web, operator):
    run = upstream.seed(status="requires_action", steps=1)
    operator.get(path_of(run))
    path = {"run": path_of(run), "thread": f"/threads/{run['thread_id']}/"}.get(page, page)
    answers = (answer_to_poll(web, operator, path) for _ in range(3))  # one may meet the moment when ages are redrawn
    answer = next(one for one in answers if one.startswith(b"HTTP/1.1 304 "))
    print(f"\n{page}: {len(answer)} bytes")
    assert len(answer) <= POLL_BYTES


@pytest.mark.parametrize(
    "path", ["/runs/", *(pytest.param(path, marks=pytest.mark.long) for path in ("/", "/needs-action/"))]
)
def test_a_poll_that_brings_a_newer_sync_time_alone_brings_no_rows(path, unlimited, upstream, web, operator):
    operator.get(path_of(upstream.seed(status="requires_action", steps=1)))
    poll = parsed(operator.get(path)).one(id="poll")
    Connection.objects.update(last_success_at=timezone.now() + timedelta(seconds=PILL_STEP_S))

    answer = web.bytes_of(poll["hx-get"], headers_of(operator, poll))

    body = parsed(answer.partition(b"\r\n\r\n")[2].decode())
    assert {one["hx-target"] for one in body.all("hx-partial")} == {"#sync-pill", "#needs-badge", "#outage", "#poll"}
    unchanged = web.bytes_of(body.one(id="poll")["hx-get"], headers_of(operator, body.one(id="poll")))
    assert unchanged.startswith(b"HTTP/1.1 304 ")
    polls = PILL_STEP_S / int(poll["hx-trigger"].removeprefix("every ").partition("s")[0])
    print(f"\n{path}: {len(answer)} bytes every {PILL_STEP_S} s")
    assert (len(answer) + (polls - 1) * len(unchanged)) / polls <= POLL_BYTES


def headers_of(client: Client, poll: Element) -> dict[str, str]:
    return {"Cookie": cookie_of(client), "HX-Request": "true", "HX-PTag": poll["hx-ptag"]}


def answer_to_poll(web: Served, client: Client, path: str) -> bytes:
    poll = parsed(client.get(path)).one(id="poll")
    return web.bytes_of(poll["hx-get"], headers_of(client, poll))
