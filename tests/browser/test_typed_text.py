"""A sign-in that ends takes nothing that was typed: with scripts the page stays, without them the text comes along."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.paths import run_path
from tests.browser.prepared import NAMES, PASSWORD
from tests.browser.shown import open_metadata
from tests.browser.site import Site
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser
TEXT = 'two\nlines, "quotes" & שלום'


def signs_out(visitor: Visitor) -> None:
    """As when a session ends by itself: the cookie of the form's token stays."""
    visitor.expected_statuses |= {401}
    visitor.context.clear_cookies(name="runsdash_session")


def signs_in(page: Page) -> None:
    page.get_by_label("User name").fill(NAMES["operator"])
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def polls(page: Page) -> None:
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


@pytest.mark.parametrize("dialog", [True, pytest.param(False, marks=pytest.mark.long)], ids=["dialog", "page"])
def test_a_page_with_typed_text_stays_and_sends_after_signing_in_beside_it(
    visitor: Visitor, site: Site, dialog: bool
) -> None:
    run = site.upstream.wait(site.upstream.run("hello", metadata={"ticket": "T-1"}))
    page = visitor.open(run_path(run, "" if dialog else "metadata/"))
    if dialog:
        open_metadata(page)
    page.get_by_label("Value 1", exact=True).fill(TEXT.replace("\n", " "))
    signs_out(visitor)
    polls(page)
    said = page.locator("dialog [data-from-network]" if dialog else "#problem")
    expect(said).to_contain_text("You are signed out.")
    page.get_by_role("button", name="Save metadata").click()
    expect(page.get_by_label("Value 1", exact=True)).to_have_value(TEXT.replace("\n", " "))

    with page.expect_popup() as beside:
        said.get_by_role("link", name="Sign in beside it").click()
    beside = beside.value
    signs_in(beside)
    expect(beside.locator("h1")).to_be_visible()
    page.get_by_role("button", name="Save metadata").click()
    expect(page.locator("[data-toast]")).to_contain_text("etadata")
    assert site.upstream.get(run_path(run, "").removesuffix("/"))["metadata"]["ticket"] == TEXT.replace("\n", " ")


@pytest.mark.long
def test_a_page_without_typed_text_goes_to_the_sign_in(visitor: Visitor) -> None:
    page = visitor.open("/profile/")
    signs_out(visitor)
    polls(page)
    expect(page).to_have_url(re.compile("/accounts/login/.*profile"))


@pytest.mark.parametrize("scripts", [True, pytest.param(False, marks=pytest.mark.long)], ids=["scripts", "plain"])
def test_what_a_form_posted_is_there_after_signing_in(visit: Callable[..., Visitor], site: Site, scripts: bool) -> None:
    visitor = visit(site, java_script_enabled=scripts)
    page = visitor.open("/runs/new/")
    page.locator("[name=instructions]").fill(TEXT)
    signs_out(visitor)
    page.get_by_role("button", name="Start run").click()
    signs_in(page)
    form = page.locator("#send-again")
    expect(form.locator("[name=instructions]")).to_have_value(TEXT)
    visitor.expected_statuses |= {422}
    page.get_by_role("button", name="Send it").click()
    expect(page.locator("[name=instructions]")).to_have_value(TEXT)
    expect(page.get_by_text("Choose the assistant that runs")).to_be_visible()


@pytest.mark.long
def test_an_old_token_is_answered_with_the_text_and_one_click(visit: Callable[..., Visitor], site: Site) -> None:
    visitor = visit(site, java_script_enabled=False)
    page = visitor.open("/runs/new/")
    page.locator("[name=instructions]").fill(TEXT)
    signs_out(visitor)
    signs_in(visitor.open("/accounts/login/"))
    visitor.expected_statuses |= {403, 422}
    page.get_by_role("button", name="Start run").click()
    expect(page.locator("#send-again [name=instructions]")).to_have_value(TEXT)
    page.get_by_role("button", name="Send it").click()
    expect(page.locator("[name=instructions]")).to_have_value(TEXT)
