"""What a run page shows, as tests wait for it."""

from playwright.sync_api import Page, expect

PILL = "#run-head .status.pill"


def open_metadata(page: Page) -> None:
    """Opens the form for metadata from the menu of a run's page."""
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("link", name="Edit metadata").click()


def status_is(page: Page, status: str, *, within_s: float = 10) -> None:
    """The heading shows the status and the page's root says it."""
    expect(page.locator(PILL)).to_have_attribute("data-status", status, timeout=within_s * 1000)
    expect(page.locator("#run")).to_have_attribute("data-status", status)
