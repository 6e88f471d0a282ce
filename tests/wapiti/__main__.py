"""`make wapiti`: a scanner that nobody here wrote, signed in as each role, against a demo of its own.

It has packages of its own in a folder of their own, since its pins are not ours. Where the system allows it, all of it
runs without any network but loopback: what the scanner types into forms of addresses then leads nowhere else.
`WAPITI_S` bounds the time of each role (180 s). Fails when anything is of medium level or higher.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import requests

from tests.test_demo import PASSWORD, Demo, answers, signed_in

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "var" / "wapiti"
ROLES = ("nobody", "viewer", "operator", "admin")
LEVELS = ("information", "low", "medium", "high", "critical")
MEDIUM = LEVELS.index("medium")
MODULES = "cookieflags,crlf,csp,csrf,exec,file,http_headers,ldap,methods,permanentxss,redirect,sql,ssrf,upload,xss,xxe"
# What would sign the scanner out or end the account it comes with.
LEFT_OUT = ("/accounts/logout/", "/accounts/password/change/", "/profile/sessions/end/", "/users/", "/accounts/factor/")
NAMESPACE = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
INSIDE = "inside"
START_S = 400  # on a busy machine


def installed() -> Path | None:
    """Returns the scanner, installed into its folder at the first time; None when it cannot be had."""
    program = TOOLS / "bin" / "wapiti"
    if not program.exists():
        print("Installing wapiti into var/wapiti …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", TOOLS], check=True)
        packages = str(Path(__file__).with_name("requirements.txt"))
        pip = [TOOLS / "bin" / "python", "-m", "pip", "install", "--quiet", "--requirement", packages]
        if subprocess.run(pip, stderr=subprocess.DEVNULL).returncode:
            return None
    return program


@contextlib.contextmanager
def demo(folder: Path) -> Iterator[Demo]:
    site = Demo(folder / "demo", DEMO_PASSWORD=PASSWORD)
    try:
        deadline = time.monotonic() + START_S
        while not answers(f"{site.origin}/healthz"):
            assert time.monotonic() < deadline, f"the demo did not come up:\n{site.words}"
            time.sleep(0.5)
        yield site
    finally:
        site.process.terminate()
        site.process.wait(timeout=30)


def cookies_of(site: Demo, role: str, path: Path) -> None:
    """Signs in and writes the cookies as the scanner reads them."""
    session = requests.Session() if role == "nobody" else signed_in(site.origin, role, PASSWORD)
    assert role == "nobody" or "/accounts/login/" not in session.get(f"{site.origin}/profile/").url
    more = {"version": 0, "expires": None, "secure": False, "port": None}
    values = {cookie.name: {"value": cookie.value, **more} for cookie in session.cookies}
    path.write_text(json.dumps({"127.0.0.1": {"/": values}}))


def cookies_in(folder: Path, role: str) -> Path:
    return folder / f"{role}-cookies.json"


def scan(program: Path, site: Demo, role: str, folder: Path) -> list[tuple[int, str]]:
    """Returns what was found: level and words."""
    report, cookies, seconds = folder / f"{role}.json", cookies_in(folder, role), os.environ.get("WAPITI_S", "180")
    left_out = [word for path in LEFT_OUT for word in ("--exclude", f"{site.origin}{path}*")]
    command = [
        program, "--url", f"{site.origin}/", "--cookie", cookies, "--module", MODULES, *left_out,
        "--max-scan-time", seconds, "--max-attack-time", str(int(seconds) // 8), "--max-links-per-page", "40",
        "--max-files-per-dir", "15", "--max-parameters", "12", "--endpoint", f"{site.origin}/healthz", "--tasks", "4",
        "--flush-session", "--store-session", folder / role, "--store-config", folder, "--no-bugreport",
        "--format", "json", "--output", report, "--verbose", "0",
    ]  # fmt: skip
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if not report.exists():
        raise SystemExit(f"wapiti made no report:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    told = json.loads(report.read_text())
    pages = told["infos"].get("crawled_pages_nbr", 0)
    found = [
        (int(one["level"]), f"{name}: {one['method']} {one['path']} {one['parameter'] or ''}: {one['info']}")
        for kind in ("vulnerabilities", "anomalies")
        for name, several in told[kind].items()
        for one in several
    ]
    counts = ", ".join(f"{sum(level == number for level, _ in found)} {word}" for number, word in enumerate(LEVELS))
    print(f"{role}: {pages} pages; {counts}", flush=True)
    assert pages > (5 if role == "nobody" else 20), f"{role}: the scanner saw {pages} pages only"
    return found


def main() -> None:
    program = installed()
    if program is None:
        print("wapiti is not run: it cannot be installed here.")
        return
    if INSIDE not in sys.argv and shutil.which("unshare") and os.geteuid() == 0:
        again = [*NAMESPACE, sys.executable, "-m", "tests.wapiti", INSIDE]
        sys.exit(subprocess.run(again, cwd=ROOT).returncode)
    with tempfile.TemporaryDirectory(prefix="runsdash-wapiti-") as name, demo(Path(name)) as site:
        for role in ROLES:  # before a scan has used up the tries of this address
            cookies_of(site, role, cookies_in(Path(name), role))
        found = [(role, *one) for role in ROLES for one in scan(program, site, role, Path(name))]
    bad = [f"{role}: {LEVELS[level]}: {words}" for role, level, words in found if level >= MEDIUM]
    print("\n".join(sorted(set(bad))) or "Nothing of medium level or higher.")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
