"""The one box over a page: opened by key, by typing and by hand; told to a screen reader; closed again."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.paths import run_path
from tests.browser.site import Site

pytestmark = pytest.mark.browser


def test_it_opens_suggests_and_leads_there(page: Page, site: Site):
    run = site.upstream.wait(site.upstream.run("Where is parcel NW-4711?"))
    page.goto(run_path(run))
    page.goto("/profile/")
    box, options = page.locator("#palette-q"), page.locator("#palette-list [role=option]")
    page.keyboard.press("Control+k")
    expect(box).to_be_focused()
    expect(options.filter(has_text="Inbox")).to_be_visible()
    expect(box).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    # Typing into the header's box goes on in the palette.
    field = page.get_by_role("search", name="Find", exact=True).locator("input")
    field.focus()
    page.keyboard.type("NW-4711")
    expect(box).to_have_value("NW-4711")
    found = page.get_by_role("group", name="Runs").locator("[role=option]").first
    expect(found).to_contain_text("Where is parcel NW-4711?")
    for _ in range(options.count()):
        page.keyboard.press("ArrowDown")
        if found.get_attribute("aria-selected") == "true":
            break
    expect(box).to_have_attribute("aria-activedescendant", found.get_attribute("id"))
    page.keyboard.press("Enter")
    expect(page.locator("#run")).to_have_attribute("data-run-id", run["id"])


@pytest.mark.long
def test_enter_searches_and_a_phone_has_it_too(page: Page, site: Site):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/profile/")
    page.get_by_role("link", name="Find", exact=True).click()
    box = page.locator("#palette-q")
    expect(box).to_be_focused()
    page.keyboard.type("nothing like this")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}/search/?q=nothing+like+this")
    expect(page.locator("#search-q")).to_have_value("nothing like this")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
