"""The thread list while a worker adds threads from a file, and a thread that is deleted upstream, in a browser."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.site import Prepared, Site
from tests.browser.visitor import Visitor
from tests.upstream import Sandbox

pytestmark = pytest.mark.browser


@pytest.mark.long
def test_a_file_of_threads_shows_its_progress(
    prepared: Prepared, visit: Callable[..., Visitor], tmp_path: Path
) -> None:
    file = tmp_path / "log.txt"
    file.write_text("\n".join(f"2026-11-23 INFO thread_{number:024d} done" for number in range(3000)))
    with Sandbox() as upstream, Site(prepared, upstream) as site:
        visitor = visit(site)
        page = visitor.open("/threads/")
        page.set_input_files("#add-file", file)
        page.get_by_role("button", name="Add threads").click()
        expect(page.locator("#imports")).to_contain_text("waits for a worker")
        site.start_worker()
        expect(page.locator("#imports")).to_contain_text("3,000 new of 3,000 ids", timeout=30_000)
        expect(page.locator("#imports progress")).to_have_count(0)
        asked = len([one for one in visitor.requests if "/threads/imports/" in one.url])
        page.wait_for_timeout(2500)
        assert len([one for one in visitor.requests if "/threads/imports/" in one.url]) == asked


@pytest.mark.long
def test_archive_delete_and_look_again(visitor: Visitor, site: Site) -> None:
    run = site.upstream.wait(site.upstream.run("/plot"))
    page = visitor.open(f"/threads/{run['thread_id']}/")
    page.get_by_role("button", name="More").click()
    page.locator("#delete-thread").click()
    if page.locator("#delete-archive").get_attribute("data-complete") == "no":
        page.get_by_role("button", name="Archive now").click()
    expect(page.locator("#delete-archive")).to_have_attribute("data-complete", "yes")
    page.fill("#confirm", run["thread_id"])
    page.get_by_role("button", name="Delete upstream").click()
    expect(page.locator("#thread")).to_contain_text("deleted this thread upstream")
    expect(page.locator("#conversation article")).to_have_count(2)
    page.locator("#thread-runs li a").first.click()
    expect(page.locator("#step-detail img").first).to_be_visible()
    assert page.evaluate("document.querySelector('#step-detail img').naturalWidth") > 0
