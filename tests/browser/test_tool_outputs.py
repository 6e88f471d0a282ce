"""An output typed in the fields of a schema or as raw text, and switched between: upstream gets what was typed."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.paths import run_path
from tests.browser.site import Site
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser
NUMBERS = ["3544790567247868102", "1e400", "0.1000000000000000055", "-0", "1.50"]
CHANGED_BY_FIELDS = [
    '{"left": 1, "left": 2}', '{"place": {}}', '{"place": 3}', '{"other": 1}', '{"sku": ""}', '{"sku": "a\\nb"}',
    '{"sku": "\\ud800"}', '{"is_open": null}', '{"state": 7.0}', '{"left": "3"}', "[1]", '{"left": 1',
]  # fmt: skip
PLACE = '{"type": "object", "properties": {"aisle": {"type": "string"}, "deep": {}}}'
SCHEMA = (
    '{"type": "object", "properties": {"sku": {"type": "string"}, "left": {"type": "number"}, "lots": {"type": "array"},'
    f' "is_open": {{"type": "boolean"}}, "state": {{"enum": ["found", 7]}}, "place": {PLACE}}}}}'
)


@pytest.fixture
def page(visitor: Visitor, site: Site) -> Iterator[Page]:
    """A run that waits for one output of a function with a schema; the upstream's request log is empty."""
    page = visitor.open("/functions/get_lot/")
    page.locator("#schema-form textarea").fill(SCHEMA)
    page.locator("#schema-form button[type=submit]").first.click()
    expect(page.locator("#schema-form")).to_be_visible()
    tool = {"type": "function", "function": {"name": "get_lot", "parameters": {"type": "object", "properties": {}}}}
    run = site.upstream.wait(site.upstream.run("/tool get_lot", tools=[tool]), "requires_action")
    site.upstream.clear_requests()
    page.goto(run_path(run))
    yield page
    page.goto("/functions/get_lot/")
    page.locator("#schema-form textarea").fill("")
    page.locator("#schema-form button[type=submit]").first.click()


def field(page: Page, label: str) -> Locator:
    return page.locator(f"""[data-field][data-path='["{label}"]']""")


def choose(page: Page, mode: str) -> None:
    page.locator("label", has=page.locator(f"[data-mode][value={mode}]")).click()


def sent_output(page: Page, site: Site) -> str:
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#tool-outputs")).to_contain_text("1 answer sent")
    (sent,) = site.upstream.requests(method="POST", path="submit_tool_outputs")
    return sent["body"]["tool_outputs"][0]["output"]


def without_spaces(text: str) -> str:
    return "".join(text.split())


def test_numbers_typed_in_fields_keep_their_digits_over_both_switches(page: Page, site: Site):
    field(page, "lots").fill(f"[{', '.join(NUMBERS)}]")
    for number in NUMBERS:
        field(page, "left").fill(number)
        choose(page, "raw")
        whole = f'{{"left":{number},"lots":[{",".join(NUMBERS)}]}}'
        assert without_spaces(page.locator("[data-output]").input_value()) == whole
        choose(page, "fields")
        assert field(page, "left").input_value() == number
    field(page, "left").fill(NUMBERS[0])
    choose(page, "raw")
    assert without_spaces(sent_output(page, site)) == f'{{"left":{NUMBERS[0]},"lots":[{",".join(NUMBERS)}]}}'


@pytest.mark.long
def test_numbers_pasted_raw_keep_their_digits_in_the_fields(page: Page, site: Site):
    deep = ",".join(f'"x":{number}' for number in NUMBERS)
    for number in reversed(NUMBERS):
        place = f'"place":{{"aisle":"a, \\"b\\" }}","deep":{{{deep}}}}}'
        whole = f'{{"sku":"\\u00fc","left":{number},"state":7,{place}}}'
        choose(page, "raw")
        page.locator("[data-output]").fill(whole)
        choose(page, "fields")
        expect(field(page, "left")).to_have_value(number)
        expect(field(page, "sku")).to_have_value("ü")
    assert without_spaces(sent_output(page, site)) == without_spaces(whole.replace("\\u00fc", "ü"))


@pytest.mark.long
def test_what_the_fields_would_change_stays_raw(page: Page):
    choose(page, "raw")
    for text in CHANGED_BY_FIELDS:
        page.locator("[data-output]").fill(text)
        choose(page, "fields")
        expect(page.locator("[data-output-note]"), text).to_have_text("The fields cannot hold all of this.")
        expect(page.locator("[data-mode][value=raw]"), text).to_be_checked()
        assert page.locator("[data-output]").input_value() == text
        assert field(page, "left").input_value() == ""
        page.locator("[data-output]").fill("")
        expect(page.locator("[data-output-note]")).to_have_text("")
