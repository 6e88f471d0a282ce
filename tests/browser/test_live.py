"""A page that follows its run leaves alone what a person reads and types, and asks no more than it must."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.paths import run_path
from tests.browser.shown import status_is
from tests.browser.site import Site
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser
SEEN_S = 3  # a change made elsewhere shows within
BUSY_S = 1  # what a busy machine may add
HIDE = """(hidden) => {
    Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""
CARET = "[document.activeElement.id, document.activeElement.selectionStart, document.activeElement.selectionEnd]"


def waiting_run(site: Site, **fields: object) -> dict:
    return site.upstream.wait(site.upstream.run("/tool check_inventory", **fields), "requires_action")


def change_metadata(site: Site, run: dict, **metadata: str) -> None:
    site.upstream.post(f"/threads/{run['thread_id']}/runs/{run['id']}", {"metadata": metadata})


def test_typed_text_caret_and_unfolded_details_survive_polls(visitor: Visitor, page: Page, site: Site):
    run = waiting_run(site, instructions="Be brief. " * 20)
    page.goto(run_path(run))
    box = page.locator("[data-output]")
    page.locator("#run-settings > summary").click()
    page.locator("#run-instructions summary").click()
    box.click()
    box.press_sequentially('{"half": ')
    for _ in range(4):
        box.press("ArrowLeft")
    caret = page.evaluate(CARET)

    for number in range(2):
        change_metadata(site, run, round=str(number))
        expect(page.locator("#run-facts")).to_contain_text(f"round={number}", timeout=10_000)
    assert page.evaluate(CARET) == caret
    expect(box).to_have_value('{"half": ')
    expect(box).to_be_focused()
    expect(page.locator("#run-settings")).to_have_attribute("open", "")
    expect(page.locator("#run-instructions")).to_have_attribute("open", "")
    assert len(visitor.polls()) >= 2


@pytest.mark.long
def test_a_timeline_moves_between_answers(visitor: Visitor, page: Page, site: Site):
    run = site.upstream.seed(status="requires_action", steps=2)
    page.goto(f"/threads/{run['thread_id']}/runs/{run['run_id']}/")
    now, bar = page.locator("line.now").first, page.locator("rect[data-running]").first
    time = page.locator("#timeline tbody tr").last.locator("time[data-elapsed]")
    before = [float(now.get_attribute("x1")[:-1]), float(bar.get_attribute("width")[:-1]), time.inner_text()]
    page.wait_for_timeout(1500)
    after = [float(now.get_attribute("x1")[:-1]), float(bar.get_attribute("width")[:-1]), time.inner_text()]
    assert after[0] != before[0]
    assert after[1] != before[1]
    assert after[2] != before[2]


def test_a_run_that_starts_to_wait_gets_its_form_without_reload(visitor: Visitor, page: Page, site: Site):
    run = site.upstream.wait(site.upstream.run("/slow 2 /tool check_inventory"), "in_progress")
    page.goto(run_path(run))
    status_is(page, "in_progress")
    expect(page.locator("#tool-outputs")).to_have_count(0)
    page.evaluate("window.stillTheSamePage = true")

    status_is(page, "requires_action")
    page.locator("[data-output]").fill('"plenty"')
    page.get_by_role("button", name="Send", exact=True).click()
    status_is(page, "completed")
    (sent,) = site.upstream.requests(method="POST", path="submit_tool_outputs")
    assert sent["body"]["tool_outputs"][0]["output"] == '"plenty"'
    assert page.evaluate("window.stillTheSamePage")


@pytest.mark.long
def test_when_somebody_else_answers_the_page_shows_it_and_keeps_the_half_typed_text(
    visitor: Visitor, page: Page, site: Site
):
    run = waiting_run(site)
    page.goto(run_path(run))
    box = page.locator("[data-output]")
    box.fill('{"half": ')
    site.upstream.answer(run, '"from elsewhere"')

    status_is(page, "completed", within_s=SEEN_S + BUSY_S)
    expect(box).to_have_value('{"half": ')


@pytest.mark.long
def test_the_form_of_an_answered_run_says_so_when_it_is_sent_after_all(visitor: Visitor, page: Page, site: Site):
    run = waiting_run(site)
    visitor.expected_statuses = {422}
    page.goto(run_path(run))
    page.locator("[data-output]").fill('"late"')
    site.upstream.answer(run, '"from elsewhere"')
    page.get_by_role("button", name="Send", exact=True).click()

    expect(page.locator("#tool-outputs [role=alert]").first).to_be_visible()
    expect(page.locator("[data-output]")).to_have_value('"late"')


@pytest.mark.long
def test_an_ended_run_is_asked_about_no_more(visitor: Visitor, page: Page, site: Site):
    page.clock.install()
    run = site.upstream.wait(site.upstream.run("/slow 1"), "in_progress")
    page.goto(run_path(run))
    status_is(page, "completed")
    expect(page.locator("#poll[hx-trigger]")).to_have_count(0)
    asked = len(visitor.polls())
    assert asked >= 1

    page.clock.run_for(20_000)
    page.locator("h1").click()
    assert len(visitor.polls()) == asked


@pytest.mark.long
def test_a_hidden_tab_asks_nothing_and_catches_up_when_it_shows_again(visitor: Visitor, page: Page, site: Site):
    page.clock.install()
    run = waiting_run(site)
    page.goto(run_path(run))
    with page.expect_response(lambda response: "/live/" in response.url):
        page.clock.run_for(10_000)
    page.evaluate(HIDE, True)
    asked = len(visitor.polls())
    site.upstream.answer(run)
    page.clock.run_for(20_000)
    assert len(visitor.polls()) == asked
    status_is(page, "requires_action")

    page.evaluate(HIDE, False)
    status_is(page, "completed")
    assert len(visitor.polls()) > asked
