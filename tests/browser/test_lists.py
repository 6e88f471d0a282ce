"""Lists, keys, clocks and the network, as only a browser shows them."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import faults_at_any_width
from tests.browser.site import Site
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser
POLLED_MS = 15_000  # two polls and the worker's look in between
LOST = re.compile("ERR_INTERNET_DISCONNECTED|Failed to fetch")
FOCUSED = "document.activeElement.matches('th a') && document.activeElement.closest('tr').dataset.runId"
LIST_PAGES = ["/", "/runs/", "/runs/?q=odd", "/threads/", "/go/?id=run_x", "/audit/", "/connections/", "/profile/"]


def seen(page: Page, site: Site, words: str, status: str) -> dict:
    """A run that the index knows, since its page was opened."""
    run = site.upstream.wait(site.upstream.run(words), status)
    page.goto(f"/threads/{run['thread_id']}/runs/{run['id']}/")
    return run


def row_of(page: Page, run: dict):
    return page.locator(f"#run-rows tr[data-run-id={run['id']}]")


def test_rows_change_in_place_and_newer_runs_wait_above(visitor: Visitor, page: Page, site: Site) -> None:
    waits = seen(page, site, "/tool check_inventory", "requires_action")
    page.goto("/runs/")
    expect(row_of(page, waits)).to_have_attribute("data-status", "requires_action")
    ids = page.locator("#run-rows tr").evaluate_all("rows => rows.map(row => row.dataset.runId)")
    row_of(page, waits).locator("th a").focus()
    height = row_of(page, waits).bounding_box()["y"]
    count = page.locator("#facet-status [data-value=completed] small")
    expect(count).to_have_text(re.compile(r"\d"))
    expect(page.locator("#list-total")).to_be_visible()
    before = count.text_content() or ""
    site.upstream.answer(waits)
    other = visitor.context.new_page()
    seen(other, site, "hello", "completed")

    expect(row_of(page, waits)).to_have_attribute("data-status", "completed", timeout=POLLED_MS)
    expect(page.locator("#newer-runs a")).to_have_text(re.compile("newer run"), timeout=POLLED_MS)
    assert page.locator("#run-rows tr").evaluate_all("rows => rows.map(row => row.dataset.runId)") == ids
    assert page.evaluate(FOCUSED) == waits["id"]
    assert row_of(page, waits).bounding_box()["y"] == height
    expect(count).not_to_have_text(before)  # the counts follow their rows
    page.locator("#newer-runs a").click()
    expect(page.locator("#run-rows tr").first).not_to_have_attribute("data-run-id", ids[0])


@pytest.mark.long
def test_the_inbox_fills_while_one_looks(visitor: Visitor, page: Page, site: Site) -> None:
    page.goto("/needs-action/")
    other = visitor.context.new_page()
    waits = seen(other, site, "/tool check_inventory", "requires_action")
    row = page.locator(f"main [data-run-id={waits['id']}]")
    expect(row).to_be_visible(timeout=POLLED_MS)
    row.get_by_role("link", name=re.compile("Respond|Answer")).click()
    expect(page.locator("#run")).to_have_attribute("data-run-id", waits["id"])


@pytest.mark.long
def test_a_countdown_goes_by_the_servers_clock(visit: Callable[..., Visitor], page: Page, site: Site) -> None:
    waits = seen(page, site, "/tool check_inventory", "requires_action")
    late = visit(site).context.new_page()
    late.clock.install(time="2031-01-01T00:00:00Z")
    late.goto("/needs-action/")
    clock = late.locator(f"main [data-run-id={waits['id']}] [data-countdown] time")
    expect(clock).to_have_text(re.compile(r"^9:\d\d$"))
    before = clock.inner_text()
    late.clock.run_for(3000)
    expect(clock).not_to_have_text(before)
    expect(clock).to_have_text(re.compile(r"^9:\d\d$"))


@pytest.mark.long
def test_keys_lead_around_and_leave_typing_alone(page: Page, site: Site) -> None:
    seen(page, site, "hello", "completed")
    page.goto("/runs/")
    rows = page.locator("#run-rows tr")
    page.keyboard.press("j")
    assert page.evaluate(FOCUSED) == rows.first.get_attribute("data-run-id")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type("g t?")
    expect(page.locator("#palette-q")).to_have_value("g t?")
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.locator("h1").click()
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url("**/threads/")


@pytest.mark.long
def test_a_long_filter_is_suggested_to_and_sent(page: Page, site: Site) -> None:
    run = seen(page, site, "hello", "completed")
    page.goto("/runs/")
    field = page.get_by_label("Filter", exact=True)
    field.fill(" ".join(f"run:run_none{number:020}" for number in range(500)) + f" run:{run['id']} status:comp")
    page.locator("#suggestions").get_by_role("option", name="status:completed").click()
    expect(field).to_have_value(re.compile("status:completed $"))
    field.press("Enter")
    expect(page).to_have_url(re.compile(r"/runs/\?kept=[\w-]{20}&?"))
    expect(page.locator("#run-rows tr")).to_have_count(1)
    expect(page.locator("#list-total")).to_have_text("1 run")
    field.press("Enter")
    expect(page.locator("#run-rows tr")).to_have_count(1)


@pytest.mark.long
def test_the_profile_turns_keys_off(visit: Callable[..., Visitor], site: Site) -> None:
    page = visit(site, "viewer").open("/profile/")
    page.get_by_label("Single-key shortcuts").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#toasts")).to_contain_text("Profile saved")
    page.keyboard.press("?")
    page.wait_for_timeout(300)
    expect(page.locator("#keys")).to_be_hidden()


@pytest.mark.long
def test_a_lost_network_is_said_and_forgotten_when_it_is_back(visitor: Visitor, page: Page) -> None:
    page.goto("/")
    visitor.context.set_offline(True)
    expect(page.locator("#problem")).to_contain_text("cannot be reached", timeout=POLLED_MS)
    visitor.context.set_offline(False)
    expect(page.locator("#problem")).to_be_empty(timeout=POLLED_MS)
    visitor.faults[:] = [fault for fault in visitor.faults if not LOST.search(fault)]


@pytest.mark.long
def test_everything_works_without_script(visit: Callable[..., Visitor], page: Page, site: Site) -> None:
    run = seen(page, site, "hello", "completed")
    plain = visit(site, java_script_enabled=False).open("/runs/?facets=1")
    plain.locator("[popovertarget=facet-status]").click()
    plain.locator("#facet-status a[href='?q=status%3Acompleted']").click()
    expect(row_of(plain, run)).to_be_visible()
    plain.goto(f"/go/?id={run['id']}")
    expect(plain.locator("#run")).to_have_attribute("data-run-id", run["id"])
    plain.goto("/threads/")
    plain.locator("textarea[name=ids]").fill("thread_never_seen_before")
    plain.get_by_role("button", name="Add threads").click()
    expect(plain.locator("#toasts")).to_contain_text("1 thread added")


@pytest.mark.long
def test_lists_are_accessible_and_fit(visit: Callable[..., Visitor], site: Site) -> None:
    visitor = visit(site, "admin")
    visitor.expected_statuses |= {400, 404}
    page = visitor.context.new_page()
    assert not [fault for path in LIST_PAGES for fault in faults_at_any_width(page, path)]
