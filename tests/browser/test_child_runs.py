"""A run that asked an agent, in a browser: the agent's run nested in its timeline, its approval in the inbox, and back."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import faults_at_any_width
from tests.browser.paths import run_path
from tests.browser.shown import status_is
from tests.browser.site import Site
from tests.browser.visitor import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.long]
POLLED_MS = 15_000
FOUND_MS = 90_000  # by a worker, which may have just begun
QUESTION = "Please let NW-44102 leave."
SIZES = {1440: 900, 390: 844}


@pytest.fixture
def family(site: Site) -> tuple[dict, dict]:
    """A run that has asked an agent, and the agent's run, which waits for an approval."""
    parent = site.upstream.run(f"/agent approval {QUESTION}")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for step in site.upstream.steps(parent):
            for call in step["step_details"].get("tool_calls", []):
                agent = call["connected_agent"]
                child = {"thread_id": agent["thread_id"], "id": agent["run_id"]}
                return parent, site.upstream.wait(child, "requires_action")
    raise AssertionError("the run has asked no agent")


def nested(page: Page, child: dict):
    return page.locator(f"#timeline tr[data-child-run-id={child['id']}]")


def pictured(page: Page, name: str) -> None:
    """Keeps pictures of the page where `CHILD_RUN_PICTURES` names a folder for them."""
    folder = os.environ.get("CHILD_RUN_PICTURES")
    for width, height in SIZES.items() if folder else ():
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(300)
            page.screenshot(path=Path(folder) / f"{name}-{width}-{scheme}.png", full_page=True)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="light")


def test_an_agents_run_is_found_answered_and_followed(
    visit: Callable[..., Visitor], site: Site, family: tuple[dict, dict]
) -> None:
    parent, child = family
    page = visit(site, viewport={"width": 1440, "height": 900}).open(run_path(parent))
    status_is(page, "in_progress")
    row = nested(page, child)
    expect(row).to_have_attribute("data-status", "requires_action", timeout=FOUND_MS)
    expect(row).to_contain_text("Needs an answer")
    expect(page.locator("#timeline tr.child")).to_contain_text("update_customs_record")
    assert faults_at_any_width(page, run_path(parent)) == []
    pictured(page, "parent")

    page.get_by_role("link", name="Inbox").first.click()
    waits = page.locator(f"tr[data-run-id={child['id']}]")
    expect(waits.locator("[data-parent-run]")).to_contain_text(QUESTION)
    expect(waits).to_contain_text("update_customs_record")
    pictured(page, "inbox")

    waits.get_by_role("link", name="Answer").click()
    expect(page.locator("#run")).to_have_attribute("data-run-id", child["id"])
    said = page.locator("[data-parent-run]")
    expect(said).to_contain_text(QUESTION)
    pictured(page, "child")
    said.get_by_role("link").first.click()
    expect(page.locator("#run")).to_have_attribute("data-run-id", parent["id"])

    row.get_by_role("link").first.click()
    expect(page.locator("#run")).to_have_attribute("data-run-id", child["id"])
    page.get_by_text("Approve", exact=True).click()
    page.get_by_role("button", name="Send", exact=True).click()
    status_is(page, "completed")
    page.locator("[data-parent-run]").get_by_role("link").first.click()
    expect(row).to_have_attribute("data-status", "completed", timeout=POLLED_MS)
    status_is(page, "completed", within_s=POLLED_MS / 1000)
    pictured(page, "after")
