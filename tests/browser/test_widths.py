"""No page scrolls sideways at any width, whatever an upstream wrote into it."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.paths import run_path
from tests.browser.site import Prepared, Site
from tests.browser.visitor import Visitor
from tests.upstream import Sandbox

pytestmark = pytest.mark.browser
WIDTHS = (320, 390, 768, 1024, 1280, 1440, 1920)
# The page's own width beside the window's, and what sticks out furthest without being inside a scroller.
WIDER = """() => {
  const root = document.scrollingElement, over = root.scrollWidth - root.clientWidth;
  if (over <= 0) return null;
  const scrolls = (one) => one !== root && one !== document.body && getComputedStyle(one).overflowX !== "visible";
  const out = [...document.body.querySelectorAll("*")].filter((one) => {
    if (one.getBoundingClientRect().right <= root.clientWidth + 1) return false;
    for (let up = one.parentElement; up; up = up.parentElement) if (scrolls(up)) return false;
    return true;
  });
  const named = (one) => one.tagName.toLowerCase() + [...one.classList].map((name) => "." + name).join("");
  const chain = (one) => [one.parentElement?.parentElement, one.parentElement, one].filter(Boolean).map(named).join(" > ");
  return [over, [...new Set(out.map(chain))].slice(-3)];
}"""


@pytest.fixture(scope="module")
def wide(prepared: Prepared):
    with Sandbox() as upstream, Site(prepared, upstream) as site:
        site.runs = json.loads(site.run("-m", "tests.hostile_rows", "wide"))
        yield site


def paths_of(site: Site) -> list[str]:
    found = [
        "/",
        "/runs/?limit=100",
        "/threads/",
        "/needs-action/",
        "/functions/",
        "/audit/",
        "/audit/1/",
        "/connections/",
    ]
    found += [
        "/connections/archive/",
        "/connections/new/",
        "/users/",
        "/users/new/",
        "/notifications/",
        "/notifications/new/",
    ]
    found += ["/profile/", "/bulk/", "/runs/new/", "/runs/views/", "/go/", "/go/?id=" + "x" * 400]
    found += ["/runs/?q=" + "x" * 900, "/threads/?q=" + "x" * 900, "/?group=model", "/?group=metadata." + "k" * 60]
    for run in site.runs:
        more = [
            "",
            "?tab=conversation",
            "?tab=raw",
            "?tab=audit",
            "metadata/",
            "rerun/",
            "copy-as/",
            "cancel/",
            "tool-outputs/",
        ]
        found += [run_path(run, one) for one in [*more, *(f"?step={step}" for step in run["steps"])]]
        found += [f"/threads/{run['thread_id']}/{one}" for one in ("", "delete/", "purge/", "runs/new/")]
    a, b = site.runs[:2]
    return [*found, f"/compare/?a={a['id']}&b={b['id']}", f"/functions/{'x' * 100}/"]


def too_wide(visitor: Visitor, paths: list[str], widths: tuple[int, ...]) -> list[str]:
    page, found = visitor.context.new_page(), []
    for path in paths:
        page.goto(path, wait_until="domcontentloaded")
        for width in widths:
            page.set_viewport_size({"width": width, "height": 900})
            if out := page.evaluate(WIDER):
                found.append(f"{path} at {width}: {out}")
    return found


@pytest.mark.long
def test_pages_are_as_wide_as_the_window(visit: Callable[..., Visitor], wide: Site):
    visitor = visit(wide, "admin")
    visitor.expected_statuses = {404, 410, 414, 422}
    found = too_wide(visitor, paths_of(wide), WIDTHS)
    assert not found, "\n".join(found)


@pytest.mark.long
@pytest.mark.parametrize("width", [320, 390, 1440])
def test_statuses_above_the_list_are_never_cut(visit: Callable[..., Visitor], wide: Site, width: int):
    page = visit(wide).open("/runs/?facets=1")
    page.set_viewport_size({"width": width, "height": 900})
    page.locator("#facets [popovertarget=facet-status]").click()
    menu = page.locator("#facet-status")
    words = menu.locator("[data-value] a:first-child span")
    expect(words.first).to_be_visible()
    assert words.count() > 1
    assert (
        words.evaluate_all("all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.innerText)")
        == []
    )
    box = menu.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width


@pytest.mark.long
def test_a_missing_image_says_so(visit: Callable[..., Visitor], wide: Site):
    visitor = visit(wide)
    visitor.expected_statuses = {404}
    page = visitor.open(run_path(wide.runs[0], "?tab=conversation"))
    page.locator(".shot").first.scroll_into_view_if_needed()
    expect(page.locator(".shot").first).to_contain_text("it is not there any more")
    expect(page.get_by_text("inline image, 3.2 KB (image/png)")).to_be_visible()


# Where the first letter of an element's text stands: "left" or "right" half of the element.
SIDE = """(one) => {
  const walk = document.createTreeWalker(one, NodeFilter.SHOW_TEXT), range = document.createRange();
  const text = walk.nextNode();
  range.setStart(text, text.data.search(/\\S/));
  range.setEnd(text, text.data.search(/\\S/) + 1);
  const letter = range.getBoundingClientRect(), box = one.getBoundingClientRect();
  return letter.left > (box.left + box.right) / 2 ? "right" : "left";
}"""


@pytest.mark.long
def test_each_paragraph_has_its_own_direction_and_code_runs_left_to_right(visit: Callable[..., Visitor], wide: Site):
    words = "שלום world.\n\nplain words\n\n* שלום\n\n```\nשלום = 1\n```"
    run = wide.upstream.wait(wide.upstream.run(words))
    page = visit(wide).open(run_path(run, "?tab=conversation"))
    message = page.locator(".msg.user .md")
    sides = [message.locator(one).first.evaluate(SIDE) for one in ("p >> nth=0", "p >> nth=1", "li", "pre")]
    assert sides == ["right", "left", "right", "left"]
