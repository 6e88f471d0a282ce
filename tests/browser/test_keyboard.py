"""Single-key shortcuts, and that they keep still while a person types."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.paths import run_path
from tests.browser.site import Site
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser
PLACES = {"o": "/", "r": "/runs/", "t": "/threads/", "a": "/audit/", "c": "/connections/"}


def test_g_and_a_letter_goes_there(page: Page, site: Site):
    page.goto("/profile/")
    for letter, path in PLACES.items():
        page.keyboard.press("g")
        page.keyboard.press(letter)
        expect(page).to_have_url(site.url + path)
        page.wait_for_load_state()  # keys are bound by the page's module, and the address is there before it


@pytest.mark.long
def test_slash_goes_to_the_search_field(page: Page, site: Site):
    run = site.upstream.wait(site.upstream.run("hello"))
    page.goto(run_path(run))
    page.goto("/runs/")
    page.keyboard.press("/")
    field = page.locator("#palette-q")
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    page.keyboard.type(run["id"])
    page.keyboard.press("Enter")
    expect(page.locator("#run")).to_have_attribute("data-run-id", run["id"])


@pytest.mark.long
def test_what_was_not_found_is_typed_over(visitor: Visitor, page: Page):
    visitor.expected_statuses = {404}
    page.goto("/go/?id=run_nowhere")
    page.keyboard.press("/")
    page.keyboard.insert_text("thread_nowhere")
    expect(page.locator("#search-q")).to_have_value("thread_nowhere")


def test_j_and_k_walk_the_rows_and_enter_opens_one(page: Page, site: Site):
    for _ in range(3):
        run = site.upstream.wait(site.upstream.run("hello"))
        page.goto(run_path(run))
    page.goto("/runs/")
    rows = page.locator("#run-rows tr")
    wanted = rows.nth(1).get_attribute("data-run-id")
    for key in "jjjk":
        page.keyboard.press(key)
    expect(rows.nth(1).locator("th a")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#run")).to_have_attribute("data-run-id", wanted)


@pytest.mark.long
def test_x_selects_the_row_and_the_mouse_does_not_stop_the_keys(page: Page, site: Site):
    for _ in range(3):  # more than are ticked one by one
        page.goto(run_path(site.upstream.wait(site.upstream.run("hello"))))
    page.goto("/runs/")
    checks = page.locator("#run-rows .rowcheck")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(checks.nth(0)).to_be_checked()
    expect(page.get_by_role("button", name="Compare two")).to_be_visible()
    page.keyboard.press("x")
    expect(checks.nth(0)).not_to_be_checked()
    checks.nth(0).click()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(checks.nth(1)).to_be_checked()
    expect(page.locator("#bulk-select")).to_contain_text("2 selected")
    page.get_by_label("Select all runs of this page").click()
    every = checks.count()
    expect(page.locator("#bulk-select")).to_contain_text(f"{every} selected")
    page.get_by_label("Select all runs of this page").click()
    expect(page.locator("#bulk-select")).to_be_hidden()
    checks.nth(0).click()
    checks.nth(every - 1).click(modifiers=["Shift"])
    expect(page.locator("#bulk-select")).to_contain_text(f"{every} selected")
    page.get_by_label("Select all runs of this page").click()
    checks.nth(0).click()
    checks.nth(1).click()
    page.get_by_role("button", name="Tag…").click()
    expect(page.get_by_role("button", name="Tag 2 runs")).to_be_visible()
    expect(page.get_by_label("Cancel: none of them is active")).to_be_disabled()
    page.get_by_label("Export them").check()
    expect(page.get_by_role("button", name="Export 2 runs")).to_be_visible()
    expect(page.get_by_label("Tag key")).to_be_hidden()


@pytest.mark.long
def test_j_and_k_go_through_the_list_that_a_run_was_opened_from(page: Page, site: Site):
    for _ in range(3):
        page.goto(run_path(site.upstream.wait(site.upstream.run("hello"))))
    expect(page.locator("#walk")).to_be_hidden()
    page.goto("/runs/?q=status:completed")
    wanted = [page.locator("#run-rows tr").nth(at).get_attribute("data-run-id") for at in range(3)]
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    for key, run_id in zip("jjk", [wanted[1], wanted[2], wanted[1]], strict=True):
        expect(page.locator("#walk")).to_be_visible()
        page.keyboard.press(key)
        expect(page.locator("#run")).to_have_attribute("data-run-id", run_id)
    expect(page.locator("#walk")).to_contain_text("2 of")
    expect(page.locator("#walk")).not_to_contain_text("page")
    page.keyboard.press("J")
    expect(page.locator("#timeline tr[data-step-id] a")).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator("#run")).to_have_attribute("data-run-id", wanted[1])
    page.locator("#walk [data-list]").click()
    expect(page).to_have_url(site.url + "/runs/?q=status:completed")


@pytest.mark.long
def test_a_part_of_a_list_is_not_said_to_be_all_of_it(page: Page, site: Site):
    page.goto(run_path(site.upstream.wait(site.upstream.run("hello"))))
    page.goto("/runs/")
    page.evaluate("""() => {
      document.querySelector(".pager").innerHTML = '<a rel="next" href="/runs/">Older</a>';
    }""")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#walk [data-list]")).to_contain_text("on this page of the list")


@pytest.mark.long
def test_only_what_may_come_is_said_to_come(page: Page, site: Site):
    page.goto("/runs/")
    page.evaluate("""() => {
      const soon = new Date(Date.now() + 5000).toISOString();
      document.querySelector("main").insertAdjacentHTML(
        "beforeend",
        `<time id="been" data-ago datetime="${soon}"></time><time id="due" data-ago="or-in" datetime="${soon}"></time>`);
    }""")
    expect(page.locator("#been")).to_have_text("0 s ago")
    expect(page.locator("#due")).to_contain_text("in ")


@pytest.mark.long
def test_y_copies_the_id(page: Page, site: Site):
    run = site.upstream.wait(site.upstream.run("hello"))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(run_path(run))
    page.keyboard.press("y")
    expect(page.locator("#announcer")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == run["id"]
    page.evaluate("navigator.clipboard.writeText('')")
    page.goto("/runs/")
    page.keyboard.press("j")
    page.keyboard.press("y")
    expect(page.locator("#announcer")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == run["id"]


@pytest.mark.long
@pytest.mark.parametrize("place", ["page", "dialog"])
def test_without_the_clipboard_of_https_a_text_is_really_copied(page: Page, site: Site, place: str):
    run = site.upstream.wait(site.upstream.run("hello"))
    page.add_init_script("Object.defineProperty(Navigator.prototype, 'clipboard', {get: () => undefined})")
    page.goto(run_path(run))
    if place == "dialog":
        page.get_by_role("button", name="More", exact=True).click()
        page.get_by_role("link", name="Copy as").click()
    root = page.locator("dialog[open]" if place == "dialog" else ".crumbs")
    button = root.locator("[data-copy]").first
    text = button.get_attribute("data-copy")
    button.click()
    expect(button).to_have_class(re.compile("done"))
    expect(page.locator("dialog [role=status]" if place == "dialog" else "#announcer")).to_have_text("Copied")
    page.goto("/go/")
    page.keyboard.press("Control+v")
    assert page.locator("#search-q").input_value().split() == text.split()


@pytest.mark.long
@pytest.mark.parametrize("answers", ["true", "false"])
def test_a_copy_that_did_not_happen_is_not_claimed(page: Page, site: Site, answers: str):
    """Browsers answer true although nothing was selected, so what they answer is not enough."""
    page.add_init_script("Object.defineProperty(Navigator.prototype, 'clipboard', {get: () => undefined})")
    page.add_init_script(f"document.execCommand = () => {answers}")
    page.goto(run_path(site.upstream.wait(site.upstream.run("hello"))))
    page.locator(".crumbs [data-copy]").click()
    expect(page.locator("#announcer")).to_have_text("Copying is not allowed here")


@pytest.mark.long
def test_l_pauses_polls_and_resumes_them(visitor: Visitor, page: Page, site: Site):
    run = site.upstream.run("/slow 8")
    page.goto(run_path(run))
    page.keyboard.press("l")
    expect(page.locator("#announcer")).to_have_text("Live updates are paused")
    polls = len(visitor.polls())
    page.wait_for_timeout(2600)  # longer than the page's interval
    assert len(visitor.polls()) == polls
    page.keyboard.press("l")
    page.wait_for_timeout(500)
    assert len(visitor.polls()) == polls + 1


@pytest.mark.long
def test_question_mark_lists_the_keys_and_escape_closes_the_list(page: Page, site: Site):
    page.goto("/runs/")
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(keys).to_be_visible()
    expect(keys).to_contain_text("Find anything")
    page.keyboard.press("g")
    page.keyboard.press("o")
    expect(page).to_have_url(site.url + "/runs/")
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()


def test_keys_are_letters_while_somebody_types(page: Page, site: Site):
    page.goto("/runs/")
    field = page.get_by_label("Filter", exact=True)
    field.click()
    page.keyboard.type("go/?jkn")
    expect(field).to_have_value("go/?jkn")
    expect(field).to_be_focused()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.url == site.url + "/runs/"


@pytest.mark.long
def test_keys_do_nothing_when_the_profile_turns_them_off(visitor: Visitor, page: Page, site: Site):
    page.goto("/profile/")
    page.get_by_label("Single-key shortcuts").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("html[data-shortcuts]")).to_have_count(0)
    page.goto("/runs/")
    page.keyboard.press("g")
    page.keyboard.press("o")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page).to_have_url(re.compile("/runs/$"))
    page.goto("/profile/")
    page.get_by_label("Single-key shortcuts").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("html[data-shortcuts]")).to_have_count(1)
