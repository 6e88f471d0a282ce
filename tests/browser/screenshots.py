"""`python -m tests.browser.screenshots FOLDER [PAGE …]`: a picture of every page at 1440 and 390, light and dark.

Starts a dashboard with a past, a worker and a sandbox of its own. To look at beside each other; asserts nothing.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.paths import run_path
from tests.browser.site import Prepared, Site
from tests.browser.test_accessibility import until_indexed
from tests.upstream import Sandbox

RUNS = 150
SIZES = {1440: 900, 390: 844}
PATIENT_S = 120
SETTLED_MS = 700  # what follows the rows of a list


def places(upstream: Sandbox) -> dict[str, str]:
    """Every page by name."""

    def ended(run: dict, *statuses: str) -> dict:
        return upstream.wait(run, *statuses, timeout_s=PATIENT_S)

    waiting = ended(upstream.run("/tools", assistant_id="asst_sandbox_parallel", metadata={"ticket": "T-1"}))
    approval = ended(upstream.run("/approve check_inventory"), "requires_action")
    done = ended(upstream.run("Where is my pallet? /code 6*7 /search damaged pallet /plot"))
    failed = ended(upstream.run("/fail rate_limit_exceeded"))
    active = upstream.run("/slow 600")
    parent = ended(upstream.run("/agent brief", assistant_id="asst_sandbox_agents"))
    large = upstream.seed(status="completed", steps=2000)
    return {
        "overview": "/", "overview-grouped": "/?group=assistant&range=30d", "inbox": "/needs-action/", "runs": "/runs/",
        "runs-filtered": "/runs/?q=status%3Afailed", "runs-none": "/runs/?q=nothing-like-this", "views": "/runs/views/",
        "threads": "/threads/", "thread": f"/threads/{done['thread_id']}/", "search": "/search/?q=pallet",
        "search-none": "/search/?q=nothing-like-this", "new-run": "/runs/new/", "bulk": "/bulk/",
        "bulk-new": "/bulk/new/?q=status%3Afailed", "run-waiting": run_path(waiting), "run-approval": run_path(approval),
        "run-completed": run_path(done), "run-failed": run_path(failed), "run-active": run_path(active),
        "conversation": run_path(done, "?tab=conversation"), "raw": run_path(done, "?tab=raw"),
        "run-audit": run_path(done, "?tab=audit"), "metadata": run_path(done, "metadata/"),
        "cancel": run_path(active, "cancel/"), "rerun": run_path(done, "rerun/"), "copy-as": run_path(done, "copy-as/"),
        "compare": f"/compare/?a={done['id']}&b={failed['id']}", "delete": f"/threads/{done['thread_id']}/delete/",
        "purge": f"/threads/{done['thread_id']}/purge/", "assistant": f"/assistants/{done['assistant_id']}/",
        "functions": "/functions/", "audit": "/audit/", "connections": "/connections/", "connection": "/connections/default/",
        "users": "/users/", "notifications": "/notifications/", "notification": "/notifications/new/",
        "doctor": "/doctor/", "profile": "/profile/", "run-agents": run_path(parent), "run-large": run_path(large),
        "runs-facets": "/runs/?facets=1", "user-new": "/users/new/",
        "connection-new": "/connections/new/", "customer": "/connections/default/customer/",
        "run-rerun-form": run_path(failed, "rerun/"), "new-run-thread": f"/threads/{done['thread_id']}/runs/new/",
        "threads-filtered": "/threads/?q=status%3Afailed", "not-found": "/nothing/", "sign-in": "/accounts/login/",
    }  # fmt: skip


def furnished_places(site: Site, closing: Sandbox) -> dict[str, str]:
    """Pages with what people made: labels, notes, teams, rules, and connections that close or have closed."""
    made = json.loads(site.run("-m", "tests.browser.furnished", closing.base_url))
    again = {"runs": "/runs/", "threads": "/threads/", "inbox": "/needs-action/", "overview": "/", "audit": "/audit/"}
    return made | {f"{name}-furnished": path for name, path in again.items()} | {
        "views-furnished": "/runs/views/", "teams": "/teams/", "team-new": "/teams/new/", "bulk-furnished": "/bulk/",
        "notifications-furnished": "/notifications/", "connections-furnished": "/connections/",
        "archive": "/connections/west/archive/", "archive-retired": "/connections/legacy/archive/",
        "connection-retired": "/connections/legacy/", "functions-furnished": "/functions/",
        "runs-labelled": "/runs/?q=label%3Arefund",
    }  # fmt: skip


# What opens in a page: its address and what is pressed.
OPENED = {
    "menu-time": ("/runs/", "[popovertarget=facet-time]"),
    "menu-columns": ("/runs/", "[popovertarget=cols]"),
    "menu-export": ("/runs/", "[popovertarget=export]"),
    "menu-facet": ("/runs/?facets=1", "[popovertarget=facet-assistant]"),
    "menu-row": ("/runs/", "#run-rows tr:nth-child(3) [data-row-menu]"),
    "menu-user": ("/", "[popovertarget=user-menu]"),
    "menu-connection": ("/", "[popovertarget=conn-menu]"),
    "menu-range": ("/", "[popovertarget=range-menu]"),
    "menu-narrow": ("/", "[popovertarget=narrow-metadata]"),
    "palette": ("/", "[data-find]:visible"),
}


def pictures(
    browser: Browser, site: Site, wanted: dict[str, str | tuple[str, str]], folder: Path, *, whole: bool
) -> Iterator[Path]:
    """`whole`: the page to its end, instead of what a window shows first."""
    for width, height in SIZES.items():
        for scheme in ("light", "dark"):
            context = browser.new_context(
                base_url=site.url, viewport={"width": width, "height": height}, color_scheme=scheme
            )
            cookie = {"name": "runsdash_session", "value": site.sessions["admin"], "url": site.url, "httpOnly": True}
            context.add_cookies([cookie])
            page = context.new_page()
            for name, place in wanted.items():
                if name == "sign-in":
                    context.clear_cookies()
                path, pressed = (place, "") if isinstance(place, str) else place
                page.goto(path)
                page.wait_for_timeout(SETTLED_MS)
                if pressed and not page.locator(pressed).first.is_visible():
                    continue
                if pressed:
                    page.locator(pressed).first.click()
                    page.wait_for_timeout(SETTLED_MS)
                file = folder / f"{name}-{width}-{scheme}.png"
                page.screenshot(path=file, full_page=whole)
                yield file
            context.close()


def main(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    whole = "--whole" in names
    named = [name for name in names if name != "--whole"]
    with (
        Prepared() as prepared,
        Sandbox("--seed-runs", str(RUNS)) as upstream,
        Sandbox("--seed-runs", "12") as closing,
        Site(prepared, upstream) as site,
        sync_playwright() as playwright,
    ):
        site.start_worker()
        until_indexed(site, runs=RUNS, within_s=900)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for made in (lambda: places(upstream), lambda: furnished_places(site, closing) | OPENED):
            wanted = {name: path for name, path in made().items() if not named or name in named}
            for file in pictures(browser, site, wanted, folder, whole=whole):
                print(file, flush=True)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
