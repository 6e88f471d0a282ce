"""What people do all day, with every click counted: no job takes more than it did when it was made short.

Keys and typing are free where the job says so; a chord is counted by itself.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.paths import run_path
from tests.browser.shown import status_is
from tests.browser.site import Prepared, Site
from tests.browser.visitor import Visitor
from tests.rows import run_object
from tests.upstream import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.long]
DAY_S = 86400


class Hand:
    """Somebody's hand at a page: counts clicks."""

    def __init__(self, page: Page) -> None:
        self.page, self.clicks = page, 0

    def click(self, what: Locator) -> None:
        self.clicks += 1
        what.click()

    def find(self, text: str) -> None:
        """Types into the one box, which a click opens."""
        self.click(self.page.get_by_role("search", name="Find", exact=True).locator("input"))
        self.page.keyboard.insert_text(text)


@pytest.fixture
def busy(prepared: Prepared, tmp_path: Path) -> Iterator[Site]:
    """Two weeks of an assistant that costs, a failed run, a customer, and two runs that wait."""
    runs = [run_object(age_s=age_s, assistant_id="asst_week", model="gpt-4o") for age_s in (600, 600, 7 * DAY_S + 600)]
    runs += [run_object(age_s=300, assistant_id="asst_other", model="gpt-4o")]
    file = tmp_path / "runs.jsonl"
    file.write_text("\n".join(map(json.dumps, runs)))
    with Sandbox() as upstream, Site(prepared, upstream) as site:
        site.run("manage.py", "import_runs", str(file))
        site.start_worker()
        yield site


def test_each_job_takes_no_more_clicks_than_it_may(busy: Site, visit: Callable[..., Visitor]) -> None:
    upstream, visitor = busy.upstream, visit(busy, "operator")
    failed = upstream.wait(upstream.run("/fail rate_limit_exceeded"))
    waiting = [upstream.wait(upstream.run("/tool check_inventory"), "requires_action") for _ in range(2)]
    slow = upstream.run("/slow 60")
    customer = {"messages": [{"role": "user", "content": "Where is it?"}], "metadata": {"customer": "C-4711"}}
    asked = upstream.wait(upstream.post("/threads/runs", {"assistant_id": "asst_sandbox_dispatch", "thread": customer}))
    for run in (*waiting, slow, asked, failed):  # so that they are in the index
        visitor.open(run_path(run)).close()
        visitor.open(f"/threads/{run['thread_id']}/").close()
    question = upstream.get(f"/threads/{failed['thread_id']}/messages")["data"][0]["id"]

    taken = {}
    for name, job in {
        "message id to cause": lambda hand: to_the_cause(hand, question),
        "customer number to thread": lambda hand: to_the_thread(hand, asked["thread_id"]),
        "newest failed and its reason": to_the_newest_failed,
        "first answer": first_answer,
        "export as CSV": export,
        "cancel": lambda hand: cancel(hand, slow),
        "cost this week against last": cost,
    }.items():
        hand = Hand(visitor.open("/"))
        job(hand)
        taken[name] = hand.clicks
        hand.page.close()
    assert taken == {
        "message id to cause": 1, "customer number to thread": 1, "newest failed and its reason": 2, "first answer": 2,
        "export as CSV": 2, "cancel": 2, "cost this week against last": 1,
    }  # fmt: skip


def to_the_cause(hand: Hand, message_id: str) -> None:
    hand.find(message_id)
    hand.page.keyboard.press("Enter")
    expect(hand.page.locator(".cause")).to_contain_text("rate_limit_exceeded")


def to_the_thread(hand: Hand, thread_id: str) -> None:
    hand.find("C-4711")
    expect(hand.page.locator("#palette-list [role=option]").first).to_be_visible()
    found = hand.page.get_by_role("group", name="Threads").locator("[role=option]").first
    expect(found).to_be_visible()
    for _ in range(12):
        hand.page.keyboard.press("ArrowDown")
        if found.get_attribute("aria-selected") == "true":
            break
    hand.page.keyboard.press("Enter")
    expect(hand.page.locator("#thread")).to_have_attribute("data-thread-id", thread_id)


def to_the_newest_failed(hand: Hand) -> None:
    hand.click(hand.page.locator("#figures a[data-figure=failed], #figures [data-figure=failed] a").first)
    hand.click(hand.page.locator("#run-rows tr th a").first)
    expect(hand.page.locator(".why")).to_contain_text("rate_limit_exceeded")


def first_answer(hand: Hand) -> None:
    """And the next: one chord."""
    page = hand.page
    hand.click(page.get_by_role("navigation", name="Main").get_by_role("link", name="Inbox"))
    hand.click(page.locator("[data-answer]").first)
    for _ in range(2):
        expect(page.locator("[data-output]").first).to_be_focused()
        before = page.url
        page.keyboard.insert_text("7")
        page.keyboard.press("Control+Enter")
        page.wait_for_url(lambda url, before=before: url != before)
        expect(page.locator("#toasts")).to_contain_text("sent.")


def export(hand: Hand) -> None:
    hand.page.goto("/runs/?q=status%3Afailed")
    hand.click(hand.page.get_by_role("button", name="Export"))
    with hand.page.expect_download() as download:
        hand.click(hand.page.get_by_role("link", name="CSV", exact=True))
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("failed,")


def cancel(hand: Hand, run: dict) -> None:
    hand.page.goto(run_path(run))
    hand.click(hand.page.locator("#run-head").get_by_role("link", name="Cancel"))
    hand.click(hand.page.locator("#run-dialog").get_by_role("button", name="Cancel run"))
    status_is(hand.page, "cancelled")


def cost(hand: Hand) -> None:
    """What an assistant cost in seven days, and by how much that is more than in the seven before."""
    page = hand.page
    hand.click(page.locator("#groups tbody th a[href*=asst_week]"))
    expect(page.locator("#figures [data-figure=cost]")).to_contain_text("up")
