"""A passkey of Chromium's virtual authenticator: added, asked for at the next sign-in, and taken away."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.prepared import NAMES, PASSWORD
from tests.browser.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.long]


def give_authenticator(page: Page) -> None:
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    options |= {"isUserVerified": True, "automaticPresenceSimulation": True}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def sign_in(page: Page, name: str) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_a_passkey_is_the_second_factor(browser: Browser, site: Site) -> None:
    # Passkeys are bound to a host name; an address is none.
    context = browser.new_context(base_url=site.url.replace("127.0.0.1", "localhost"))
    faults: list[str] = []
    context.on("console", lambda one: faults.append(one.text) if one.type == "error" else None)
    page = context.new_page()
    give_authenticator(page)
    sign_in(page, NAMES["viewer"])
    page.goto("/accounts/factor/passkeys/add/")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Name").fill("this computer")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#codes")).to_be_visible()
    page.get_by_role("link", name="Done").click()
    expect(page.locator("#factors")).to_contain_text("this computer")

    page.context.clear_cookies()
    sign_in(page, NAMES["viewer"])
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator("#user-menu")).to_be_attached()

    page.goto("/accounts/factor/")
    page.get_by_role("link", name="Remove this computer").click()
    if page.get_by_label("Password").count():
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.locator("#factors")).not_to_contain_text("this computer")
    context.close()
    assert faults == []
