"""Everything a person must be able to do works where scripts do not run: forms post, links lead on, pages reload."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.paths import TOOL, run_path
from tests.browser.prepared import NAMES, PASSWORD
from tests.browser.shown import open_metadata, status_is
from tests.browser.site import Site
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser


@pytest.fixture
def plain(visit: Callable[..., Visitor], site: Site) -> Visitor:
    site.upstream.clear_faults()
    site.upstream.clear_requests()
    return visit(site, java_script_enabled=False)


def settled(page: Page, status: str) -> None:
    """Reloads, as the page does by itself every few seconds, until it shows the status."""
    done = f"#run[data-status={status}]"
    for _ in range(40):
        page.reload()
        if page.locator(done).count() and (status == "requires_action" or not page.locator("#poll[hx-get]").count()):
            break
    status_is(page, status)


def test_sign_in(visit: Callable[..., Visitor], site: Site):
    page = visit(site, role=None, java_script_enabled=False).open("/runs/")
    page.get_by_label("User name").fill(NAMES["viewer"])
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Runs", level=1)).to_be_visible()


@pytest.mark.long
def test_cancel(plain: Visitor, site: Site):
    run = site.upstream.wait(site.upstream.run("/slow 60"), "in_progress")
    page = plain.open(run_path(run))
    page.get_by_role("link", name="Cancel run…").click()
    expect(page).to_have_url(re.compile("/cancel/$"))
    page.get_by_label("Reason").fill("no longer needed")
    page.get_by_role("button", name="Cancel run").click()
    expect(page.locator("[data-toast]")).to_contain_text("ancel")
    settled(page, "cancelled")


@pytest.mark.long
def test_metadata_refused_and_then_saved(plain: Visitor, site: Site):
    run = site.upstream.wait(site.upstream.run("hello", metadata={"ticket": "T-1"}))
    plain.expected_statuses = {422}
    page = plain.open(run_path(run))
    open_metadata(page)
    page.get_by_label("Value 1", exact=True).fill("x" * 513)
    page.get_by_role("button", name="Save metadata").click()
    expect(page.locator("#metadata-form [role=alert]")).to_contain_text("512")
    expect(page.get_by_label("Value 1", exact=True)).to_have_value("x" * 513)
    page.get_by_label("Value 1", exact=True).fill("T-2")
    page.get_by_label("Key 2", exact=True).fill("team")
    page.get_by_label("Value 2", exact=True).fill("returns")
    page.get_by_role("button", name="Save metadata").click()
    expect(page.locator("#run-facts")).to_contain_text("team=returns")
    found = site.upstream.get(f"/threads/{run['thread_id']}/runs/{run['id']}")["metadata"]
    assert found == {"ticket": "T-2", "team": "returns"}


def test_a_new_run_answered_and_looked_at_step_by_step(plain: Visitor, site: Site):
    maker = site.upstream.post("/assistants", {"model": "gpt-4o", "name": "Stock bot", "tools": [TOOL]})
    page = plain.open("/runs/new/")
    page.get_by_label("Or an assistant id").fill(maker["id"])
    page.get_by_label("First message").fill("/tool get_stock")
    page.get_by_role("button", name="Start run").click()
    expect(page).to_have_url(re.compile(r"/threads/thread_\w+/runs/run_\w+/"))
    settled(page, "requires_action")
    page.locator("[data-output]").fill('{"in_stock": 4}')
    page.get_by_label("Stream").uncheck()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("[data-toast]")).to_contain_text("1 answer sent")
    settled(page, "completed")
    page.locator("#timeline tr[data-step-id] a").first.click()
    expect(page).to_have_url(re.compile("step="))
    expect(page.locator("#step-panel")).to_contain_text("in_stock")
    page.locator("[data-tab=conversation]").click()
    expect(page.locator("#conversation")).to_contain_text("in_stock")


@pytest.mark.long
def test_filter_and_paging(plain: Visitor, site: Site):
    thread = site.upstream.post("/threads")["id"]
    for number in range(30):
        site.upstream.seed(thread_id=thread, status="completed" if number < 3 else "failed")
    plain.open(f"/threads/{thread}/")
    page = plain.open("/runs/?limit=25")
    page.get_by_role("link", name="Count by value").click()
    page.get_by_role("button", name="Status").click()
    page.locator("#facet-status [data-value=failed] a").first.click()
    rows = page.locator("tr[data-run-id]")
    first = {row.get_attribute("data-run-id") for row in rows.all()}
    assert {row.get_attribute("data-status") for row in rows.all()} == {"failed"}
    page.locator("main").get_by_role("link", name="Older").click()
    second = {row.get_attribute("data-run-id") for row in rows.all()}
    assert second
    assert not first & second
    assert {row.get_attribute("data-status") for row in rows.all()} == {"failed"}
    page.get_by_label("Filter", exact=True).fill("status:completed")
    page.get_by_role("button", name="Apply").click()
    assert {row.get_attribute("data-status") for row in rows.all()} == {"completed"}


@pytest.mark.long
def test_a_page_with_a_form_does_not_reload_what_is_typed_away(plain: Visitor, site: Site):
    run = site.upstream.wait(site.upstream.run("/tool check_inventory"), "requires_action")
    page = plain.open(run_path(run))
    assert page.locator("#tool-outputs textarea").count()
    assert not page.locator("meta[http-equiv=refresh]").count()
    expect(page.get_by_role("link", name="Reload", exact=True)).to_be_visible()
    expect(page.locator("[data-copy]").first).to_be_hidden()


@pytest.mark.long
def test_a_live_page_reloads_itself(plain: Visitor, site: Site):
    run = site.upstream.wait(site.upstream.run("/slow 60"), "in_progress")
    page = plain.open(run_path(run))
    assert page.locator("noscript meta[http-equiv=refresh]").count() or page.locator("meta[http-equiv=refresh]").count()


@pytest.mark.long
def test_what_only_a_script_can_do_is_not_offered(plain: Visitor, site: Site):
    run = site.upstream.wait(site.upstream.run("/tool get_stock", metadata={"ticket": "T-1"}), "requires_action")
    page = plain.open(run_path(run))
    page.locator("[popovertarget=user-menu]").click()
    expect(page.locator("#user-menu").get_by_text("Profile")).to_be_visible()
    expect(page.locator("#timeline")).to_be_visible()
    for path in (run_path(run), "/needs-action/"):
        page = plain.open(path)
        for dead in ("[data-pause]", "[commandfor=keys]", "[data-copy]", "kbd", "span:has(> kbd)", ".headlines .live"):
            assert not [one for one in page.locator(dead).all() if one.is_visible()], (path, dead)
