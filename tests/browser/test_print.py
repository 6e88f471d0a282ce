"""Paper: black on white in either theme, no controls, and nothing cut that scrolls on a screen."""

from collections.abc import Callable

import pytest

from tests.browser.site import Site
from tests.browser.visitor import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.long]
PAPER = {"width": 794, "height": 1123}  # A4 at 96 dots an inch
LOOK = """() => {
  const seen = (one) => one.checkVisibility({visibilityProperty: true, opacityProperty: true})
    && !one.closest(".sr, svg") && one.getBoundingClientRect().width > 1;
  const said = (one) => `${one.tagName}.${one.className} ${one.textContent.trim().slice(0, 40)}`;
  const all = [...document.body.querySelectorAll("*")].filter(seen);
  const style = (one) => getComputedStyle(one);
  const isDark = (color) => {
    const parts = (color.match(/[\\d.]+/g) || []).map(Number);
    const scale = color.startsWith("color(") ? 255 : 1;
    return parts.length > 2 && parts[3] !== 0 && parts.slice(0, 3).every((part) => part * scale < 120);
  };
  return {
    body: [style(document.body).color, style(document.body).backgroundColor],
    controls: all.filter((one) => one.matches("button, input, select, textarea, .btn")).map(said),
    dark: all.filter((one) => isDark(style(one).backgroundColor) && one.textContent.trim()).map(said),
    cut: all.filter((one) => style(one).overflowX !== "visible" && one.scrollWidth > one.clientWidth + 2
      || style(one).overflowY !== "visible" && one.scrollHeight > one.clientHeight + 2).map(said),
    beyond: all.filter((one) => one.getBoundingClientRect().right > innerWidth + 2).map(said),
  };
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_printed_whole_and_black_on_white(site: Site, visit: Callable[..., Visitor], scheme: str) -> None:
    site.upstream.clear_faults()
    run = site.upstream.seed(steps=4)
    waiting = site.upstream.seed(status="requires_action", steps=1)
    paths = {
        "run": f"/threads/{run['thread_id']}/runs/{run['run_id']}/",
        "conversation": f"/threads/{run['thread_id']}/runs/{run['run_id']}/?tab=conversation",
        "waiting": f"/threads/{waiting['thread_id']}/runs/{waiting['run_id']}/",
        "thread": f"/threads/{run['thread_id']}/", "runs": "/runs/", "threads": "/threads/",
        "overview": "/", "inbox": "/needs-action/", "audit": "/audit/",
    }  # fmt: skip
    visitor = visit(site, "operator", viewport=PAPER, color_scheme=scheme)
    faults = {}
    for name, path in paths.items():
        page = visitor.open(path)
        page.emulate_media(media="print", color_scheme=scheme)
        found = page.evaluate(LOOK)
        if found.pop("body") != ["rgb(0, 0, 0)", "rgb(255, 255, 255)"] or any(found.values()):
            faults[name] = {kind: some[:5] for kind, some in found.items() if some}
        page.close()
    assert faults == {}
