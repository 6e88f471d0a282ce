"""`python -m tests.browser.screenshots FOLDER [PAGE …]`: a picture of every page at 1440 and 390, light and dark.

Starts a dashboard with a past, a worker and a sandbox of its own. To look at beside each other; asserts nothing.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.paths import run_path
from tests.browser.site import Prepared, Site
from tests.browser.test_accessibility import until_indexed
from tests.upstream import Sandbox

RUNS = 400
SIZES = {1440: 900, 390: 844}
SETTLED_MS = 700  # what follows the rows of a list


def places(upstream: Sandbox) -> dict[str, str]:
    """Every page by name."""
    waiting = upstream.wait(upstream.run("/tools", assistant_id="asst_sandbox_parallel", metadata={"ticket": "T-1"}))
    approval = upstream.wait(upstream.run("/approve check_inventory"), "requires_action")
    done = upstream.wait(upstream.run("Where is my pallet? /code 6*7 /search damaged pallet /plot"))
    failed = upstream.wait(upstream.run("/fail rate_limit_exceeded"))
    active = upstream.run("/slow 600")
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
        "doctor": "/doctor/", "profile": "/profile/", "not-found": "/nothing/", "sign-in": "/accounts/login/",
    }  # fmt: skip


def pictures(browser: Browser, site: Site, wanted: dict[str, str], folder: Path) -> Iterator[Path]:
    for width, height in SIZES.items():
        for scheme in ("light", "dark"):
            context = browser.new_context(
                base_url=site.url, viewport={"width": width, "height": height}, color_scheme=scheme
            )
            cookie = {"name": "runsdash_session", "value": site.sessions["admin"], "url": site.url, "httpOnly": True}
            context.add_cookies([cookie])
            page = context.new_page()
            for name, path in wanted.items():
                if name == "sign-in":
                    context.clear_cookies()
                page.goto(path)
                page.wait_for_timeout(SETTLED_MS)
                file = folder / f"{name}-{width}-{scheme}.png"
                page.screenshot(path=file)
                yield file
            context.close()


def main(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (
        Prepared() as prepared,
        Sandbox("--seed-runs", str(RUNS)) as upstream,
        Site(prepared, upstream) as site,
        sync_playwright() as playwright,
    ):
        site.start_worker()
        until_indexed(site, runs=RUNS, within_s=300)
        wanted = {name: path for name, path in places(upstream).items() if not names or name in names}
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for file in pictures(browser, site, wanted, folder):
            print(file)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
