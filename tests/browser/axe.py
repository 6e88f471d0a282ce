"""What axe finds on a page in light and in dark, and whether the page is wider than its window."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# Without reading style sheets once more, which it would lay into the page against its policy.
ALL_RULES = {"resultTypes": ["violations"], "preload": False}
# Schemes differ in colours alone, so the second look asks about nothing else.
COLOURS = ALL_RULES | {"runOnly": ["color-contrast", "link-in-text-block"]}
WIDE, PHONE = {"width": 1440, "height": 844}, {"width": 390, "height": 844}
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


def violations(page: Page, *impacts: str) -> list[str]:
    """One line a rule, with its elements; of these impacts alone when some are named."""
    found = []
    for scheme, options in (("light", ALL_RULES), ("dark", COLOURS)):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for one in Axe().run(page, options=options).response["violations"]:
            nodes = [f"{node['target']} {node['html'][:200]}" for node in one["nodes"][:4]]
            if not impacts or one["impact"] in impacts:
                found.append(f"{scheme}: {one['id']} ({one['impact']}, {len(one['nodes'])}×) {nodes}")
    return found


def faults_at_any_width(page: Page, path: str) -> list[str]:
    """What is wrong with the page at `path` on a wide screen and on a phone, in both schemes."""
    page.goto(path)
    found = []
    for viewport in (WIDE, PHONE):
        page.set_viewport_size(viewport)
        where = f"{path} at {viewport['width']}: "
        found += [where + one for one in violations(page)]
        if not page.evaluate(FITS):
            found.append(f"{where}wider than its window")
    return found
