"""`make lighthouse`: Google's Lighthouse over the five main pages of a dashboard with a past, and a table of what it says.

npm fetches it into a folder of its own at the first time. It looks twice, as a phone of middling speed and as a desktop;
both are its own presets. Fails unless accessibility and best practices are 100 on all pages. The times of the table are
the machine's, and nothing is asserted of them. `LIGHTHOUSE_REPORTS=FOLDER` keeps the reports, as pages too.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.paths import run_path
from tests.browser.site import Prepared, Site
from tests.browser.test_accessibility import until_indexed
from tests.free_ports import free_ports
from tests.upstream import ROOT, Sandbox

VERSION = "12.8.2"  # the last that runs on node 20
FOLDER = ROOT / "var" / "lighthouse"
PROGRAM = FOLDER / "node_modules" / "lighthouse" / "cli" / "index.js"
RUNS = 60
INSTALL_S, INDEXED_S, PATIENT_S, PAGE_S = 600, 600, 120, 300
CATEGORIES = ("performance", "accessibility", "best-practices")
MUST_BE_WHOLE = ("accessibility", "best-practices")
FORMS = {"phone": (), "desktop": ("--preset=desktop",)}
HEADS = ("page", "seen by", "accessibility", "best practices", "blocked", "layout shift", "bytes", "requests")


def installed() -> bool:
    """Returns whether Lighthouse is there, fetched at the first time."""
    if not CHROMIUM or not shutil.which("node") or not shutil.which("npm"):
        return False
    known = FOLDER / "node_modules" / "lighthouse" / "package.json"
    if known.exists() and json.loads(known.read_text())["version"] == VERSION:
        return True
    print("Fetching Lighthouse into var/lighthouse …", flush=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "package.json").write_text('{"private": true}')
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--save-exact", f"lighthouse@{VERSION}"]
    done = subprocess.run(command, cwd=FOLDER, stdout=subprocess.DEVNULL, timeout=INSTALL_S)
    return done.returncode == 0


def places(upstream: Sandbox) -> dict[str, str]:
    """The pages that are looked at most."""
    upstream.wait(upstream.run("/tools", assistant_id="asst_sandbox_parallel"), "requires_action", timeout_s=PATIENT_S)
    done = upstream.wait(upstream.run("Where is my pallet? /code 6*7 /search damaged pallet"), timeout_s=PATIENT_S)
    thread = f"/threads/{done['thread_id']}/"
    return {"run": run_path(done), "runs": "/runs/", "overview": "/", "inbox": "/needs-action/", "thread": thread}


@contextmanager
def signed_in_browser(site: Site, folder: Path) -> Iterator[int]:
    """Starts a Chromium with an administrator's cookie; the port it is driven by."""
    (port,) = free_ports(1)
    cookie = {"name": "runsdash_session", "value": site.sessions["admin"], "url": site.url, "httpOnly": True}
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            folder / "profile", executable_path=CHROMIUM, args=[*FLAGS, f"--remote-debugging-port={port}"]
        )
        context.add_cookies([cookie])
        yield port
        context.close()


def report_of(url: str, port: int, folder: Path, *flags: str) -> dict:
    """Returns what Lighthouse says of one page."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        "node", str(PROGRAM), url, f"--port={port}", f"--only-categories={','.join(CATEGORIES)}", *flags, "--quiet",
        "--output=json", "--output=html", f"--output-path={folder / 'page'}",
    ]  # fmt: skip
    environment = os.environ | {"CI": "1"}  # it asks nothing then, and tells nobody
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, timeout=PAGE_S)
    if done.returncode:
        raise SystemExit(f"Lighthouse ended with {done.returncode} at {url}")
    report = json.loads((folder / "page.report.json").read_text())
    assert report["finalDisplayedUrl"] == url, f"{url} led to {report['finalDisplayedUrl']}"
    return report


def figures(report: dict) -> list[str]:
    """Returns the cells of the table after the page's name."""
    audits = report["audits"]
    requests = audits["network-requests"]["details"]["items"]
    return [
        *(f"{100 * (report['categories'][name]['score'] or 0):.0f}" for name in MUST_BE_WHOLE),
        f"{audits['total-blocking-time']['numericValue']:.0f} ms",
        f"{audits['cumulative-layout-shift']['numericValue']:.3f}",
        f"{audits['total-byte-weight']['numericValue']:,.0f}",
        str(len(requests)),
    ]


def faults(report: dict) -> list[str]:
    """Returns what keeps a category that must be whole below 100, with the elements that are meant."""
    found = []
    for name in MUST_BE_WHOLE:
        category = report["categories"][name]
        if category["score"] == 1:
            continue
        for one in category["auditRefs"]:
            audit = report["audits"][one["id"]]
            if one["weight"] and audit["scoreDisplayMode"] != "notApplicable" and audit["score"] != 1:
                what = audit.get("errorMessage") or json.dumps(audit.get("details", {}).get("items", []))
                found.append(f"{name}: {audit['title']}: {what[:800]}")
    return found


def look(site: Site, port: int, pages: dict[str, str], folder: Path) -> list[str]:
    """Prints the table row by row; returns what is below 100."""
    print(" | ".join(HEADS), flush=True)
    bad = []
    for page, path in pages.items():
        for form, flags in FORMS.items():
            report = report_of(site.url + path, port, folder / f"{page}-{form}", *flags)
            print(" | ".join([page, form, *figures(report)]), flush=True)
            bad += [f"{page}, {form}: {fault}" for fault in faults(report)]
    return bad


def main() -> None:
    if not installed():
        print("Lighthouse is not run: Chromium, node or the package cannot be had here.")
        return
    with (
        tempfile.TemporaryDirectory(prefix="runsdash-lighthouse-") as name,
        Prepared() as prepared,
        Sandbox("--seed-runs", str(RUNS)) as upstream,
    ):
        site = Site(prepared, upstream)
        site.run("manage.py", "collectstatic", "--no-input")
        with site, signed_in_browser(site, Path(name)) as port:
            site.start_worker()
            until_indexed(site, runs=RUNS, within_s=INDEXED_S)
            bad = look(site, port, places(upstream), Path(os.environ.get("LIGHTHOUSE_REPORTS") or name))
    print("\n".join(bad) or "Accessibility and best practices are 100 on all pages.")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
