"""One Chromium and a few dashboards for the tests of this folder; a fresh context for each visitor of each test.

The fixtures live as long as the folder's tests and no longer: while Playwright runs, Django takes the thread for an
asynchronous one and refuses the database to the tests of others.
"""

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.site import Prepared, Site
from tests.browser.visitor import Visitor
from tests.upstream import Sandbox

# The shell is Chromium without a window's own pages, for a third of the CPU.
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("Chromium is not installed; `make test` installs it on Debian as root")
    expect.set_options(timeout=10_000)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def prepared() -> Iterator[Prepared]:
    with Prepared() as made:
        yield made


@pytest.fixture(scope="package")
def site(prepared: Prepared) -> Iterator[Site]:
    """The dashboard most tests visit, with a worker beside it."""
    with Sandbox() as upstream, Site(prepared, upstream) as site:
        site.start_worker()
        yield site


@pytest.fixture
def visit(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """`visit(site, "viewer", viewport=…)`: somebody's browser. A fault in any of its pages fails the test."""
    visitors: list[Visitor] = []

    def arrives(site: Site, role: str | None = "operator", **options: object) -> Visitor:
        visitors.append(Visitor(browser, site, role, **options))
        return visitors[-1]

    yield arrives
    faults = [fault for visitor in visitors for fault in visitor.leave()]
    assert not faults, "\n".join(faults[:20])


@pytest.fixture
def visitor(visit: Callable[..., Visitor], site: Site) -> Visitor:
    """An operator at the dashboard most tests visit."""
    site.upstream.clear_faults()
    site.upstream.clear_quirks()
    site.upstream.clear_requests()
    return visit(site)


@pytest.fixture
def page(visitor: Visitor) -> Page:
    return visitor.context.new_page()
