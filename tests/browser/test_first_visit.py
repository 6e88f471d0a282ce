"""What a browser fetches for the list of runs, the first time and again, with static files as a deployment has them."""

import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from tests.browser.site import Prepared, Site
from tests.browser.visitor import Visitor
from tests.rows import run_object
from tests.upstream import Sandbox

pytestmark = pytest.mark.browser
FIRST_REQUESTS, FIRST_BYTES, AGAIN_REQUESTS = 8, 60_000, 3
SETTLED_MS = 1_500  # modules and whatever a page asks for by itself; no poll is due so soon
WORDS = "refund order invoice parcel delivery customer address payment"
STATUSES = ("completed", "failed", "requires_action", "in_progress", "cancelled")


@pytest.fixture(scope="module")
def deployed(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A dashboard with 60 runs behind which nobody reads, and with collected static files."""
    runs = tmp_path_factory.mktemp("runs") / "runs.jsonl"
    runs.write_text("".join(f"{json.dumps(any_run(number))}\n" for number in range(60)))
    with Sandbox() as upstream:
        site = Site(prepared, upstream)
        site.run("manage.py", "collectstatic", "--no-input")
        site.run("manage.py", "import_runs", str(runs))
        with site:
            yield site


def any_run(number: int) -> dict:
    metadata = {f"key_{at}": f"{number * 7919 % 1009} {word}" for at, word in enumerate(WORDS.split()[: number % 8])}
    return run_object(age_s=number * 977, status=STATUSES[number % len(STATUSES)], metadata=metadata)


class Wire:
    """Counts what a page gets from the server. `names` and `bytes` say what and how much, heads included."""

    def __init__(self, page: Page) -> None:
        self.session = page.context.new_cdp_session(page)
        self.session.send("Network.enable")
        self.names: dict[str, str] = {}
        self.bytes = 0
        self.cached: set[str] = set()
        self.session.on("Network.requestWillBeSent", self.sent)
        self.session.on("Network.requestServedFromCache", lambda event: self.cached.add(event["requestId"]))
        self.session.on("Network.responseReceived", self.answered)
        self.session.on("Network.loadingFinished", self.finished)

    def sent(self, event: dict) -> None:
        self.names[event["requestId"]] = event["request"]["url"]

    def answered(self, event: dict) -> None:
        if event["response"]["fromDiskCache"]:
            self.cached.add(event["requestId"])

    def finished(self, event: dict) -> None:
        self.bytes += event["encodedDataLength"]

    def asked(self) -> list[str]:
        return [url for number, url in self.names.items() if number not in self.cached]


def test_the_list_comes_in_few_requests_and_from_then_on_in_one(visit: Callable[..., Visitor], deployed: Site) -> None:
    visitor = visit(deployed)
    first = visitor.context.new_page()
    wire = Wire(first)
    opened(first)
    assert first.locator("#run-rows tr").count() == 50
    assert len(wire.asked()) <= FIRST_REQUESTS, wire.asked()
    assert 10_000 < wire.bytes <= FIRST_BYTES, wire.bytes

    again = visitor.context.new_page()
    wire = Wire(again)
    opened(again)
    assert 1 <= len(wire.asked()) <= AGAIN_REQUESTS, wire.asked()


def opened(page: Page) -> None:
    page.goto("/runs/", wait_until="networkidle")
    page.wait_for_timeout(SETTLED_MS)
