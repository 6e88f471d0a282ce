"""Each page passes axe in light and dark, and none scrolls sideways on a phone."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.axe import violations
from tests.browser.paths import run_path
from tests.browser.shown import open_metadata
from tests.browser.site import Prepared, Site
from tests.browser.visitor import Visitor
from tests.upstream import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.long]
INDEXED_S = 30
GRAVE = ("serious", "critical")
PHONE = {"width": 390, "height": 844}
SIDEWAYS = "[document.documentElement.scrollWidth, window.innerWidth]"
# What a finger presses, except ids and copy buttons: their room is around them. 43.5: fractions of a pixel.
TOO_SMALL = """() => [...document.querySelectorAll(".btn, .nav a, .tabs a, .seg :is(a, button), .chip, .input")]
    .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < (one.closest(".seg") ? 41.5 : 43.5))
    .map((one) => one.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def gallery(prepared: Prepared) -> Iterator[Site]:
    """A dashboard with a past, all of it in the index."""
    with Sandbox("--seed-runs", "60") as upstream, Site(prepared, upstream) as site:
        site.start_worker()
        until_indexed(site, runs=60)
        yield site


def until_indexed(site: Site, *, runs: int, within_s: float = INDEXED_S) -> None:
    """Waits until the worker has read the past, so that lists and charts have something to show."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        with contextlib.closing(sqlite3.connect(site.folder / "index.sqlite3")) as index:
            if index.execute("SELECT count(*) FROM index_run").fetchone()[0] >= runs:
                return
        time.sleep(0.1)
    raise AssertionError("the worker has not read the past in time")


@pytest.fixture(scope="module")
def places(gallery: Site) -> dict[str, str]:
    """Every kind of page, by name."""
    upstream = gallery.upstream
    waiting = upstream.wait(upstream.run("/tools", assistant_id="asst_sandbox_parallel", metadata={"ticket": "T-1"}))
    done = upstream.wait(upstream.run("/code 6*7 /search damaged pallet /plot", metadata={"long": "x" * 300}))
    failed = upstream.wait(upstream.run("/fail rate_limit_exceeded"))
    step = upstream.steps(done)[0]["id"]
    return {
        "overview": "/",
        "runs": "/runs/",
        "threads": "/threads/",
        "audit": "/audit/",
        "connections": "/connections/",
        "profile": "/profile/",
        "go": "/go/?id=nothing",
        "new run": "/runs/new/",
        "waiting run": run_path(waiting),
        "completed run": run_path(done, f"?step={step}"),
        "conversation": run_path(done, "?tab=conversation"),
        "raw": run_path(done, "?tab=raw"),
        "run audit": run_path(done, "?tab=audit"),
        "failed run": run_path(failed),
        "thread": f"/threads/{done['thread_id']}/",
        "metadata form": run_path(done, "metadata/"),
        "cancel form": run_path(waiting, "cancel/"),
        "outputs form": run_path(waiting, "tool-outputs/"),
    }


def test_pages_pass_axe_in_light_and_dark(visit: Callable[..., Visitor], gallery: Site, places: dict[str, str]):
    visitor = visit(gallery, "admin")
    visitor.expected_statuses = {404}
    page = visitor.context.new_page()
    found = {}
    for name, path in places.items():
        page.goto(path)
        expect(page.locator("h1")).to_have_count(1)
        found[name] = violations(page, *GRAVE)
    assert not any(found.values()), "\n".join(f"{name}: {one}" for name, all_ in found.items() for one in all_)


def test_the_metadata_dialog_passes_axe(visit: Callable[..., Visitor], gallery: Site, places: dict[str, str]):
    page = visit(gallery).open(places["failed run"])
    open_metadata(page)
    expect(page.get_by_role("dialog")).to_be_visible()
    assert not violations(page, *GRAVE)


def test_sign_in_passes_axe_also_when_refused(visit: Callable[..., Visitor], gallery: Site):
    visitor = visit(gallery, role=None)
    visitor.expected_statuses = {422}
    page = visitor.open("/")
    assert not violations(page, *GRAVE)
    page.get_by_label("User name").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("form [role=alert]")).to_be_visible()
    assert not violations(page, *GRAVE)


def test_pages_fit_a_phone_and_its_fingers(visit: Callable[..., Visitor], gallery: Site, places: dict[str, str]):
    visitor = visit(gallery, "admin", viewport=PHONE, has_touch=True)
    visitor.expected_statuses = {404}
    page = visitor.context.new_page()
    wrong = []
    for name, path in places.items():
        page.goto(path)
        content, window = page.evaluate(SIDEWAYS)
        if content > window:
            wrong.append(f"{name}: {content} > {window}")
        wrong += [f"{name}: {one}" for one in page.evaluate(TOO_SMALL)]
    assert not wrong, wrong
