"""People at runs that wait: two on one run, drafts that come back, clocks that are wrong, and the inbox while one looks."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import faults_at_any_width
from tests.browser.paths import run_path
from tests.browser.shown import status_is
from tests.browser.site import Site
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser
POLLED_MS = 15_000
SHIFTED = """() => {
    const real = Date.now.bind(Date);
    const ahead = 3 * 3600 * 1000;
    Date.now = () => real() + ahead;
}"""


def waiting_run(site: Site) -> dict:
    return site.upstream.wait(site.upstream.run("/tool check_inventory"), "requires_action")


def row_of(page: Page, run: dict):
    return page.locator(f"tr[data-run-id={run['id']}]")


def test_two_people_on_one_run_one_answers_and_the_other_sees_it(visit: Callable[..., Visitor], site: Site) -> None:
    run, other = waiting_run(site), waiting_run(site)
    visit(site, "operator").open(run_path(other)).close()  # so that it is in the index
    site.upstream.clear_requests()
    olga, anna = visit(site, "operator").open(run_path(run)), visit(site, "admin").open(run_path(run))
    anna.locator("[data-output]").press_sequentially('{"half": ')
    anna.evaluate("window.stillTheSamePage = true")
    expect(olga.locator("#claims")).to_contain_text("anna is answering", timeout=POLLED_MS)
    olga.locator("[data-output]").fill('{"left": 7}')
    button = olga.get_by_role("button", name="Send", exact=True)
    expect(button).not_to_have_attribute("aria-disabled", "true")
    button.evaluate("button => { button.click(); button.click(); }")

    expect(anna.locator("#run-answered")).to_contain_text("olga answered these calls", timeout=POLLED_MS)
    expect(anna.locator("#open-next")).to_be_focused()  # the form has stepped back
    anna.get_by_text("What you typed, not sent").click()
    expect(anna.locator("[data-output]")).to_have_value('{"half": ')
    assert anna.evaluate("window.stillTheSamePage")
    expect(anna.get_by_role("button", name="Send", exact=True)).to_have_attribute("aria-disabled", "true")
    status_is(olga, "completed")
    assert len(site.upstream.requests(method="POST", path="submit_tool_outputs")) == 1
    expect(olga.locator("#tool-outputs")).to_contain_text("1 answer sent")

    anna.reload()
    expect(anna.locator("#run-unsent textarea")).to_have_value('{"half": ')
    expect(anna.locator("#run-unsent")).to_contain_text("olga answered these calls at")


def test_what_is_typed_is_there_again_after_a_reload(visitor: Visitor, page: Page, site: Site) -> None:
    page.goto(run_path(waiting_run(site)))
    box = page.locator("[data-output]")
    box.press_sequentially('{"left":\n 7')
    expect(page.locator("#draft-note")).to_have_text(re.compile(r"Draft saved \d\d:\d\d:\d\d\."))
    page.reload()
    expect(box).to_have_value('{"left":\n 7')
    expect(page.locator("#draft-note")).to_contain_text("Draft saved")
    box.fill("")
    expect(page.locator("#draft-note")).not_to_contain_text("Draft saved")
    page.reload()
    expect(box).to_have_value("")


@pytest.mark.long
def test_the_button_waits_with_a_reason_until_every_call_has_an_output(page: Page, site: Site) -> None:
    run = waiting_run(site)
    page.goto(run_path(run))
    button = page.get_by_role("button", name="Send", exact=True)
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(page.locator("#submit-why")).to_have_text("Nothing is answered yet")
    button.evaluate("button => button.click()")
    expect(page.locator("[data-output]")).to_be_focused()
    assert site.upstream.requests(method="POST", path=run["id"]) == []
    page.locator("[data-output]").fill("7")
    expect(button).not_to_have_attribute("aria-disabled", "true")
    expect(page.locator("[data-call-state=ready]")).to_be_visible()
    expect(page.locator("[data-outputs-size]")).to_have_text("1 of 1 answered, 1 of 524,288 bytes.")


def test_each_next_answer_is_one_chord(visit: Callable[..., Visitor], site: Site) -> None:
    runs = [waiting_run(site) for _ in range(2)]
    for run in runs:
        visit(site, "operator").open(run_path(run)).close()
    page = visit(site, "operator").open(run_path(runs[0]))
    site.upstream.clear_requests()
    expect(page.locator("[data-output]")).to_be_focused()
    page.keyboard.press("Control+Enter")
    expect(page.locator("#send-why")).to_have_text("Nothing is answered yet. Nothing was sent.")
    assert site.upstream.requests(method="POST", path="submit_tool_outputs") == []
    seen = [runs[0]["id"]]
    for sent in (1, 2):
        expect(page.locator("[data-output]").first).to_be_focused()
        for box in page.locator("[data-output]").all():
            box.fill("7")
        page.keyboard.press("Control+Enter")
        page.wait_for_url(lambda url, before=seen[-1]: before not in url)
        expect(page.locator("#toasts")).to_contain_text("sent.")
        assert len(site.upstream.requests(method="POST", path="submit_tool_outputs")) == sent
        here = page.locator("#run").get_attribute("data-run-id") if "/runs/" in page.url else None
        if here is None:  # nobody else has left a run behind
            break
        assert here not in seen
        seen.append(here)


@pytest.mark.long
def test_an_approval_is_chosen_and_nothing_is_preset(visit: Callable[..., Visitor], site: Site) -> None:
    run = site.upstream.wait(site.upstream.run("/approve check_inventory"), "requires_action")
    page = visit(site, "operator").open(run_path(run))
    site.upstream.clear_requests()
    expect(page.locator("[data-outputs-size]")).to_contain_text("0 of 1 answered")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#send-why")).to_have_text("Nothing is answered yet. Nothing was sent.")
    expect(page.locator("[type=radio]:checked")).to_have_count(0)
    assert site.upstream.requests(method="POST", path="submit_tool_outputs") == []
    page.get_by_text("Deny", exact=True).click()
    page.keyboard.press("Control+Enter")
    expect(page.locator("#toasts")).to_contain_text("1 answer sent.")
    (sent,) = site.upstream.requests(method="POST", path="submit_tool_outputs")
    assert [one["approve"] for one in sent["body"]["tool_approvals"]] == [False]


@pytest.mark.long
def test_the_tab_says_how_many_need_an_answer(page: Page, site: Site) -> None:
    waiting_page = run_path(waiting_run(site))
    page.goto(waiting_page)
    page.goto("/needs-action/")
    expect(page).to_have_title(re.compile(r"^\(\d+\+?\) Inbox"))
    expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile(r"/icon/\d+\.svg"))
    assert page.request.get(page.locator("link[rel=icon]").get_attribute("href")).ok
    expect(page.locator("[data-notify]")).to_be_visible()


@pytest.mark.long
def test_empty_boxes_are_filled_with_an_error_and_nothing_is_sent(page: Page, site: Site) -> None:
    run = site.upstream.wait(site.upstream.run("/tools"), "requires_action")
    page.goto(run_path(run))
    boxes = page.locator("[data-output]")
    boxes.first.fill("7")
    page.get_by_role("button", name="Answer with an error…").click()
    expect(boxes.first).to_have_value("7")
    expect(boxes.last).to_have_value(re.compile('"error": "This call could not be answered."'))
    expect(boxes.nth(1)).to_be_focused()
    expect(page.get_by_role("button", name="Answer with an error…")).to_be_hidden()
    expect(page.locator("#draft-note")).to_contain_text("Draft saved")
    assert site.upstream.requests(method="POST", path=run["id"]) == []


def test_fields_and_raw_are_two_views_of_one_output(page: Page, site: Site) -> None:
    page.goto("/functions/find_shipment/")
    page.locator("#schema").fill(
        '{"type": "object", "required": ["left"], "properties": {"left": {"type": "integer"}, '
        '"place": {"type": "object", "properties": {"aisle": {"type": "string"}}}}}'
    )
    page.get_by_role("button", name="Save schema").click()
    expect(page.locator(".pagehead")).to_contain_text("2 fields")
    run = waiting_run(site)
    page.goto(run_path(run))
    expect(page.locator("[data-field]")).to_have_count(2)
    left, aisle = page.locator("[data-field]").all()
    left.fill("7")
    aisle.fill("B")
    page.locator("#tool-outputs").get_by_text("Raw", exact=True).click()
    box = page.locator("[data-output]")
    expect(box).to_have_value('{\n  "left": 7,\n  "place": {\n    "aisle": "B"\n  }\n}')
    box.fill('{"left": 8, "more": 1}')
    page.locator("#tool-outputs").get_by_text("Fields", exact=True).click()
    expect(box).to_be_visible()
    expect(page.locator("[data-output-note]")).to_have_text("The fields cannot hold all of this.")
    box.fill('{"left": 8}')
    page.locator("#tool-outputs").get_by_text("Fields", exact=True).click()
    expect(left).to_have_value("8")
    expect(aisle).to_have_value("")
    page.get_by_role("button", name="Send", exact=True).click()
    status_is(page, "completed")
    (sent,) = site.upstream.requests(method="POST", path=run["id"])
    assert sent["body"]["tool_outputs"][0]["output"] == '{\n  "left": 8\n}'
    page.goto("/functions/find_shipment/")
    page.locator("#schema").fill("")
    page.get_by_role("button", name="Save schema").click()
    expect(page.locator(".pagehead")).to_contain_text("no schema")


@pytest.mark.long
def test_an_earlier_output_is_put_into_the_box(page: Page, site: Site) -> None:
    first, second = waiting_run(site), waiting_run(site)
    page.goto(run_path(first))
    page.locator("[data-output]").fill('{"earlier": true}')
    page.get_by_role("button", name="Send", exact=True).click()
    status_is(page, "completed")
    page.goto(run_path(second))
    page.get_by_role("button", name="Earlier answers").click()
    page.locator("[data-earlier-menu] [data-fill]").first.click()
    expect(page.locator("[data-output]")).to_have_value('{"earlier": true}')
    expect(page.locator("#draft-note")).to_contain_text("Draft saved")


def test_the_inbox_follows_answers_without_moving_rows_and_leads_on(visitor: Visitor, page: Page, site: Site) -> None:
    first, second = waiting_run(site), waiting_run(site)
    for run in (first, second):
        visitor.open(run_path(run)).close()
    page.goto("/needs-action/")
    ids = page.locator("#inbox-rows tr").evaluate_all("rows => rows.map(row => row.dataset.runId)")
    assert {first["id"], second["id"]} <= set(ids)
    before = int(re.match(r"\d+", page.locator("#needs-badge").inner_text())[0])
    row_of(page, second).locator("th a").first.focus()
    site.upstream.answer(first)
    expect(row_of(page, first)).not_to_have_attribute("data-status", "requires_action", timeout=POLLED_MS)
    expect(page.locator("#needs-badge")).to_contain_text(str(before - 1), timeout=POLLED_MS)
    assert page.locator("#inbox-rows tr").evaluate_all("rows => rows.map(row => row.dataset.runId)")[: len(ids)] == ids
    assert page.evaluate("document.activeElement.closest('th')?.parentElement.dataset.runId") == second["id"]
    page.locator("#inbox-again").click()
    expect(row_of(page, first)).to_have_count(0)
    row_of(page, second).get_by_role("link", name="Answer").click()
    expect(page.locator("#run")).to_have_attribute("data-run-id", second["id"])


@pytest.mark.long
def test_the_inbox_goes_by_the_servers_clock(visitor: Visitor, site: Site) -> None:
    run = waiting_run(site)
    visitor.open(run_path(run)).close()
    visitor.context.add_init_script(f"({SHIFTED})()")
    page = visitor.open("/needs-action/")
    clock = row_of(page, run).locator("[data-countdown] time")
    expect(clock).to_have_text(re.compile(r"^9:\d\d$"))
    before = clock.inner_text()
    expect(clock).not_to_have_text(before)
    expect(clock).to_have_text(re.compile(r"^9:\d\d$"))


@pytest.mark.long
def test_g_i_leads_to_the_inbox(page: Page) -> None:
    page.goto("/runs/")
    page.keyboard.press("g")
    page.keyboard.press("i")
    page.wait_for_url("**/needs-action/")


@pytest.mark.long
def test_pages_are_accessible_and_fit(visit: Callable[..., Visitor], site: Site) -> None:
    run = waiting_run(site)
    page = visit(site, "admin").context.new_page()
    paths = [run_path(run), "/needs-action/", "/needs-action/?tab=missed", "/functions/", "/functions/find_shipment/"]
    assert not [fault for path in paths for fault in faults_at_any_width(page, path)]
