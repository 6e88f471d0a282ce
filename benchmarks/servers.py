"""Servers to measure: the dashboard under gunicorn with a database of its own, and a signed-in reader."""

import contextlib
import http.cookiejar
import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "bench-password-1"
START_S = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Web:
    """`with Web(base_url=…, api_key=…) as web:` serves the dashboard on a free port; `web.get(path)` as an operator."""

    def __init__(self, *, environment: dict[str, str] | None = None, workers: int = 1, threads: int = 8) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="bench-")
        self.port = free_port()
        self.workers, self.threads = workers, threads
        self.environment = os.environ | {
            "SECRET_KEY": secrets.token_urlsafe(40),
            "DEBUG": "off",
            "ALLOWED_HOSTS": "127.0.0.1",
            "DATABASE_URL": f"sqlite:///{self.folder.name}/index.sqlite3",
            "BENCH_PASSWORD": PASSWORD,
            **(environment or {}),
        }

    def manage(self, *words: str) -> None:
        subprocess.run(
            [sys.executable, "manage.py", *words], cwd=ROOT, env=self.environment, check=True, stdout=subprocess.DEVNULL
        )

    def __enter__(self) -> "Web":
        self.manage("migrate", "--verbosity", "0")
        self.manage("add_user", "bench", "--role", "operator", "--password-env", "BENCH_PASSWORD")
        self.start()
        return self

    def start(self) -> None:
        command = [sys.executable, "-m", "gunicorn", "runsdash.wsgi", "--config", "gunicorn.conf.py"]
        command += ["--workers", str(self.workers), "--threads", str(self.threads)]
        command += ["--bind", f"127.0.0.1:{self.port}", "--log-level", "warning"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment)
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"{self.origin}/healthz", timeout=2).close()
                break
            time.sleep(0.05)
        self.reader = Reader(self.origin)
        self.reader.sign_in("bench", PASSWORD)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=10)
        if self.process.poll() is None:
            self.process.kill()
        self.folder.cleanup()


class Reader:
    """A person's browser, without a screen."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        request = urllib.request.Request(self.origin + path, headers=headers or {})
        try:
            with self.opener.open(request, timeout=60) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def sign_in(self, name: str, password: str) -> None:
        _, page = self.get("/accounts/login/")
        token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1].decode()
        posted = {"login": name, "password": password, "csrfmiddlewaretoken": token}
        request = urllib.request.Request(
            f"{self.origin}/accounts/login/",
            data=urllib.parse.urlencode(posted).encode(),
            headers={"Referer": self.origin},
        )
        with self.opener.open(request, timeout=30) as response:
            if "login" in response.url:
                raise RuntimeError("the benchmark's reader could not sign in")
