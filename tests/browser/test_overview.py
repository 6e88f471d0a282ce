"""The overview in a browser: what a customer cost this week against the last, and charts by pointer and by key."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.site import Prepared, Site
from tests.browser.visitor import Visitor
from tests.rows import run_object
from tests.upstream import Sandbox

pytestmark = pytest.mark.browser
DAY_S = 86400


@pytest.fixture
def two_weeks(prepared: Prepared, tmp_path: Path) -> Iterator[Site]:
    """Runs of three customers: C-2 cost three times as much in these seven days as in the seven before."""
    runs = []
    for name, now, before in (("C-1", 4, 4), ("C-2", 6, 2), ("C-3", 1, 3)):
        for count, age_s in ((now, 600), (before, 7 * DAY_S + 600)):
            runs += [run_object(age_s=age_s, model="gpt-4o", metadata={"customer": name}) for _ in range(count)]
    file = tmp_path / "runs.jsonl"
    file.write_text("\n".join(map(json.dumps, runs)))
    with Sandbox() as upstream, Site(prepared, upstream) as site:
        site.run("manage.py", "import_runs", str(file))
        site.start_worker()  # without one nothing is compared: runs may be missing
        yield site


@pytest.mark.long
def test_what_a_customer_cost_this_week_against_the_last_in_three_clicks(visit, two_weeks: Site) -> None:
    visitor: Visitor = visit(two_weeks, "viewer")
    page = visitor.open("/")
    page.get_by_role("button", name="Metadata").click()
    page.get_by_role("link", name="run: customer").click()
    rows = page.locator("#groups tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("C-2")
    expect(rows.first.locator("td").nth(2)).to_have_text("$0.22 +$0.14")
    rows.first.get_by_role("link", name="C-2").click()
    cost = page.locator("#figures [data-figure=cost]")
    expect(cost).to_contain_text("$0.22")
    expect(cost).to_contain_text("+$0.14 (up 200 %)")
    assert "metadata.customer" in page.url  # an address that can be sent to somebody

    page.goto(f"{two_weeks.url}/")
    mark = page.locator("#chart-cost svg a").last
    mark.hover()
    expect(page.locator("#chart-cost .tip")).to_have_text(mark.get_attribute("aria-label"))
    page.mouse.move(0, 0)
    expect(page.locator("#chart-cost .tip")).to_have_count(0)
    mark.focus()
    expect(page.locator("#chart-cost .tip")).to_contain_text("100 % of that day")
    mark.press("Enter")
    expect(page.locator("#run-rows tr")).to_have_count(11)
