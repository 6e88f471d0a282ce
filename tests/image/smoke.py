"""Starts what compose.yaml starts, in namespaces of its own, and looks at pages as somebody who signs in.

`unshare --mount --net python -m tests.image.smoke ROOT`, with the image's settings as JSON on its input.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

from tests.image.container import Container

SITE, PASSWORD = "http://127.0.0.1:8000", "an image's long password"
KEY = "only for the test of an image, " + "x" * 40
WAIT_S = 90.0
GIVEN = {"ALLOWED_HOSTS": "127.0.0.1", "RUNSDASH_API_BASE_URL": "http://127.0.0.1:8100/v1"}
SANDBOX = ["python", "manage.py", "sandbox", "--port", "8100", "--db", "var/sandbox.sqlite3", "--seed-runs", "20"]


class Visitor:
    """Asks for pages with a cookie jar. No proxy of the environment is taken."""

    def __init__(self) -> None:
        self.jar = CookieJar()
        self.opener = build_opener(HTTPCookieProcessor(self.jar))

    def get(self, path: str, fields: dict[str, str] | None = None) -> str:
        body = urlencode(fields).encode() if fields else None
        with self.opener.open(Request(SITE + path, body, {"Referer": SITE + path}), timeout=30) as answer:
            return str(answer.read().decode())

    def post(self, path: str, **fields: str) -> str:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.get(path))
        assert token, f"{path} has no form"
        return self.get(path, {"csrfmiddlewaretoken": token[1], **fields})


def said(words: str) -> None:
    print(words, flush=True)


def until(look: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        try:
            if look():
                return
        except (URLError, ConnectionError):
            pass
        time.sleep(0.5)
    raise SystemExit(f"{what}: not within {WAIT_S:.0f} s")


def ended_well(done: subprocess.CompletedProcess[str], what: str) -> None:
    if done.returncode:
        raise SystemExit(f"{what} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    said(f"{what}: ok")


def look_at(container: Container) -> None:
    ended_well(container.run(container.services["migrate"]["command"]), "migrate")
    denied = container.run(["sh", "-c", "touch /app/x /tmp/x /venv/x; touch var/x && id -u && cat /proc/self/status"])
    assert denied.stderr.count("Read-only file system") == 3, denied.stderr
    assert denied.stdout.startswith(f"{container.settings['User']}\n"), denied.stdout
    for held in (r"CapEff:\s+0{16}\n", r"NoNewPrivs:\s+1\n"):
        assert re.search(held, denied.stdout), denied.stdout
    said("the root is read-only, the volume is not, and there is no privilege: ok")
    add = ["python", "manage.py", "add_user", "ada", "--role", "admin", "--password-env", "ADA"]
    ended_well(container.run(add, {"ADA": PASSWORD}), "add_user")
    for program in ("pg_dump", "pg_restore"):
        ended_well(container.run([program, "--version"]), program)
    processes = [container.start_words(SANDBOX), container.start("web"), container.start("worker")]
    try:
        look_at_pages(container)
        ended_well(container.run(["python", "manage.py", "backup", "var/of-the-test.backup"]), "backup")
        assert all(one.poll() is None for one in processes), "one of the programs has ended"
    finally:
        for one in processes:
            one.terminate()
        for one in processes:
            one.wait(timeout=20)
    said("web and worker end when they are told to: ok")


def look_at_pages(container: Container) -> None:
    visitor = Visitor()
    until(lambda: visitor.get("/healthz") == "ok\n", "/healthz")
    ended_well(container.run(container.settings["Healthcheck"]["Test"][1:]), "HEALTHCHECK")
    assert visitor.get("/readyz") == "ready\n"
    assert "/accounts/login/" in visitor.get("/runs/")
    visitor.post("/accounts/login/", login="ada", password=PASSWORD)
    until(lambda: "data-run-id" in visitor.get("/runs/"), "runs that the worker has read")
    run = re.search(r'data-run-id="([^"]+)"', visitor.get("/runs/"))
    assert run
    pages = ["/", "/runs/", "/threads/", f"/runs/{run[1]}/", "/audit/", "/profile/", "/doctor/", "/connections/"]
    for page in pages:
        assert "</html>" in visitor.get(page), page
    style = re.search(r'href="(/static/[^"]+\.[0-9a-f]{12}\.css)"', visitor.get("/"))
    assert style, "static files have no hashed names"
    assert len(visitor.get(style[1])) > 1000
    said(f"healthz, readyz, HEALTHCHECK, sign-in, {len(pages)} pages with runs that the worker read, static files: ok")


def main() -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    settings = json.load(sys.stdin)
    with tempfile.TemporaryDirectory(prefix="runsdash-image-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        container = Container(Path(sys.argv[1]), folder, settings, GIVEN)
        container.mount({"secret_key": KEY, "api_key": "sandbox"})
        try:
            look_at(container)
        except BaseException:
            for log in folder.glob("*.log"):
                said(f"--- {log.name}\n{log.read_text()[-3000:]}")
            raise
        finally:
            subprocess.run(["umount", "--recursive", "--lazy", str(container.root)], check=False)


if __name__ == "__main__":
    main()
