"""The main job in a browser against servers that speak otherwise: start, answer where there are outputs, cancel."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.shown import status_is
from tests.browser.site import Prepared, Site
from tests.browser.visitor import Visitor
from tests.upstream import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.long]
KINDS = {"foundry": "foundry", "foundry-local": "foundry-local", "open-assistant-api": "openai"}


@pytest.fixture(params=KINDS)
def other(request: pytest.FixtureRequest, prepared: Prepared):
    """A dashboard over a server that speaks this dialect, with a worker beside it."""
    dialect = request.param
    with Sandbox("--dialect", dialect) as upstream, Site(prepared, upstream, RUNSDASH_API_KIND=KINDS[dialect]) as site:
        site.dialect = dialect
        site.start_worker()
        yield site


def begin(page, words: str) -> None:
    page.get_by_role("link", name="New run").first.click()
    page.get_by_label("Or an assistant id").fill("asst_sandbox_dispatch")
    page.get_by_label("First message").fill(words)
    page.get_by_role("button", name="Start run").click()
    expect(page).to_have_url(re.compile(r"/threads/thread_\w+/runs/run_\w+/"))


def test_the_main_job(visit: Callable[..., Visitor], other: Site):
    page = visit(other).open("/")
    if other.dialect == "foundry-local":  # its runs wait for nothing
        begin(page, "/code 6*7")
    else:
        begin(page, "/tool")
        status_is(page, "requires_action")
        page.locator("[data-output]").fill('{"in_stock": 3}')
        page.get_by_role("button", name="Send", exact=True).click()
    status_is(page, "completed")
    expect(page.locator("#timeline [data-step-id]")).to_have_count(2)
    page.locator("[data-tab=conversation]").click()
    expect(page.locator("#conversation")).to_contain_text("42" if other.dialect == "foundry-local" else "in_stock")

    begin(page, "/slow 60")
    status_is(page, "in_progress")
    page.get_by_role("link", name="Cancel run…").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel run").click()
    status_is(page, "cancelled")
