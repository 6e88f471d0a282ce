"""When the upstream fails: pages keep the last copy and say so, unseen ids get a clear page, and all of it heals by itself."""

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.paths import run_path
from tests.browser.shown import status_is
from tests.browser.site import Prepared, Site
from tests.browser.visitor import Visitor
from tests.upstream import Sandbox

pytestmark = pytest.mark.browser
TIMEOUT_S = 2
LONGER_S = 1  # what a page may take beyond the connection's time-out
# Faults of the upstream, with the status and words of the page for an id that was never seen.
FAULTS = {
    "html": (502, "The upstream failed"),
    "truncate": (502, "The upstream failed"),
    "drip": (504, "did not answer in time"),
    "hang": (504, "did not answer in time"),
}


@pytest.fixture(scope="module")
def shaky(prepared: Prepared) -> Iterator[Site]:
    """A dashboard whose upstream may be killed, and which waits only shortly for it."""
    with Sandbox() as upstream, Site(prepared, upstream, timeout_s=TIMEOUT_S) as site:
        yield site


@pytest.fixture
def guest(visit: Callable[..., Visitor], shaky: Site) -> Visitor:
    if shaky.upstream.process.poll() is not None:
        shaky.upstream.restart()
    shaky.upstream.clear_faults()
    return visit(shaky)


def trouble(page: Page) -> object:
    return page.locator("#trouble .banner")


@pytest.mark.long
def test_pages_keep_their_last_copy_while_the_upstream_is_dead_and_recover_by_themselves(guest: Visitor, shaky: Site):
    run = shaky.upstream.wait(shaky.upstream.run("/tool check_inventory", metadata={"ticket": "T-77"}))
    run_page = guest.open(run_path(run))
    thread_page = guest.open(f"/threads/{run['thread_id']}/")
    overview = guest.open("/")
    row = f"[data-run-id='{run['id']}']"
    status_is(run_page, "requires_action")
    expect(overview.locator("#now [data-count='waiting']")).to_contain_text("an answer")

    shaky.upstream.kill()
    for page in (run_page, thread_page):
        expect(trouble(page)).to_contain_text("The upstream does not answer, showing the copy from", timeout=12_000)
    expect(overview.locator("#sync-pill")).to_have_attribute("data-tone", "bad", timeout=12_000)
    for page in (run_page, thread_page):
        page.reload()
        expect(page.locator("main " + row).first).to_be_visible()
    overview.reload()
    expect(overview.locator("#now [data-count='waiting']")).to_contain_text("an answer")
    for page in (run_page, thread_page):
        expect(trouble(page)).to_contain_text("showing the copy from")
    expect(run_page.locator("#run-facts")).to_contain_text("ticket=T-77")
    expect(overview.locator("#sync-pill")).to_contain_text("fail")
    expect(thread_page.locator("#conversation")).to_contain_text("/tool check_inventory")
    run_page.locator("[data-output]").fill('"typed while it was down"')

    shaky.upstream.restart()
    for page in (run_page, thread_page):
        expect(trouble(page)).to_have_count(0, timeout=15_000)
    expect(overview.locator("#sync-pill")).not_to_contain_text("fail", timeout=12_000)
    expect(run_page.locator("[data-output]")).to_have_value('"typed while it was down"')
    run_page.get_by_role("button", name="Send", exact=True).click()
    status_is(run_page, "completed")
    expect(thread_page.locator(f"#thread-runs {row}")).to_have_attribute("data-status", "completed", timeout=12_000)


@pytest.mark.long
def test_an_answer_sent_while_the_upstream_is_dead_is_refused_and_stays_typed(guest: Visitor, shaky: Site):
    run = shaky.upstream.wait(shaky.upstream.run("/tool check_inventory"))
    guest.expected_statuses = {502, 504}
    page = guest.open(run_path(run))
    page.locator("[data-output]").fill('"kept"')
    shaky.upstream.kill()
    try:
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.locator("#tool-outputs [role=alert]").first).to_contain_text("nothing was sent")
        expect(page.locator("[data-output]")).to_have_value('"kept"')
    finally:
        shaky.upstream.restart()
    page.get_by_role("button", name="Send", exact=True).click()
    status_is(page, "completed")


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.long
def test_an_unseen_run_of_a_failing_upstream_is_a_clear_problem_page_in_time(guest: Visitor, shaky: Site, kind: str):
    status, words = FAULTS[kind]
    run = shaky.upstream.run("hello")
    shaky.upstream.fault(f"GET {run['thread_id']}", kind, times=None)
    guest.expected_statuses = {status}
    page = guest.context.new_page()
    began = time.monotonic()
    answer = page.goto(run_path(run))
    took_s = time.monotonic() - began

    assert answer.status == status
    expect(page.locator("#problem-page h1")).to_contain_text(words)
    assert page.locator("#problem-page").get_by_role("link", name="Try again").is_visible()
    assert "<html" not in page.locator("#problem-page").inner_text().lower()
    assert took_s < TIMEOUT_S + LONGER_S
    shaky.upstream.clear_faults()
    guest.expected_statuses = set()
    page.get_by_role("link", name="Try again").click()
    expect(page.locator("#run")).to_have_attribute("data-run-id", run["id"])


@pytest.mark.long
def test_seen_runs_of_a_failing_upstream_keep_their_copy_under_a_banner(guest: Visitor, shaky: Site):
    pages = {}
    for kind in FAULTS:
        run = shaky.upstream.wait(shaky.upstream.run("/tool check_inventory"))
        pages[kind] = guest.open(run_path(run))
        status_is(pages[kind], "requires_action")
        shaky.upstream.fault(f"GET {run['thread_id']}", kind, times=None)

    for kind, page in pages.items():
        expect(trouble(page), kind).to_contain_text("showing the copy from", timeout=10_000)
        answer = page.reload()
        assert answer.status == 200
        assert int(answer.headers["x-runsdash-stale"]) >= 0
        expect(trouble(page), kind).to_contain_text("showing the copy from")
        status_is(page, "requires_action")


@pytest.mark.long
def test_a_wrong_key_is_a_page_that_says_so(
    visit: Callable[..., Visitor], guest: Visitor, prepared: Prepared, shaky: Site
):
    run = shaky.upstream.run("hello")
    with Site(prepared, shaky.upstream, timeout_s=TIMEOUT_S, RUNSDASH_API_KEY="not-the-key") as site:
        stranger = visit(site)
        stranger.expected_statuses = {502}
        page = stranger.open(run_path(run))
        expect(page.locator("#problem-page h1")).to_have_text("The upstream refused the key")
        expect(page.locator("#problem-page")).to_contain_text("401")
        assert "not-the-key" not in page.content()
