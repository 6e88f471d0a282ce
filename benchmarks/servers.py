"""Servers to measure: the dashboard under gunicorn with a database of its own, and a signed-in reader."""

import contextlib
import http.client
import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_S = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Web:
    """`with Web(base_url=…, api_key=…) as web:` serves the dashboard on a free port; `web.get(path)` as an operator."""

    def __init__(
        self, *, environment: dict[str, str] | None = None, workers: int = 1, flags: tuple[str, ...] = ()
    ) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="bench-")
        self.port = free_port()
        self.workers, self.flags = workers, flags
        # A new one each time: an index that is used again refuses its old one.
        self.password = secrets.token_urlsafe(20)
        self.environment = os.environ | {
            "SECRET_KEY": secrets.token_urlsafe(40),
            "DEBUG": "off",
            "ALLOWED_HOSTS": "127.0.0.1",
            "DATABASE_URL": f"sqlite:///{self.folder.name}/index.sqlite3",
            "BENCH_PASSWORD": self.password,
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
        command += ["--workers", str(self.workers), *self.flags]
        command += ["--bind", f"127.0.0.1:{self.port}", "--log-level", "warning"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment)
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"{self.origin}/healthz", timeout=2).close()
                break
            time.sleep(0.05)
        self.reader = Reader(self.origin)
        self.reader.sign_in("bench", self.password)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def processor_s(self) -> float:
        """How long the web processes have computed so far, in seconds."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        files = [file for pid in children for file in Path(f"/proc/{pid}/task").glob("*/schedstat")]
        return sum(int(file.read_text().split()[0]) for file in files) / 1e9

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=10)
        if self.process.poll() is None:
            self.process.kill()
        self.folder.cleanup()


class Reader:
    """A person's browser, without a screen. Keeps a connection for each thread that reads."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.cookies: dict[str, str] = {}
        self.of_thread = threading.local()

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        return self.ask("GET", path, headers=headers)

    def ask(
        self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        response = self.response_of(method, path, body=body, headers=headers)
        for header in response.headers.get_all("Set-Cookie", []):
            name, _, value = header.partition(";")[0].partition("=")
            self.cookies[name] = value
        return response.status, response.read()

    def response_of(
        self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
    ) -> http.client.HTTPResponse:
        """Asks once more when the server has closed the kept connection. The answer is not read yet."""
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()), **(headers or {})}
        try:
            self.wire().request(method, path, body=body, headers=sent)
            return self.wire().getresponse()
        except (ConnectionError, http.client.HTTPException):
            self.wire().close()
            self.wire().request(method, path, body=body, headers=sent)
            return self.wire().getresponse()

    def wire(self) -> http.client.HTTPConnection:
        if not hasattr(self.of_thread, "wire"):
            self.of_thread.wire = http.client.HTTPConnection(self.origin.removeprefix("http://"), timeout=60)
        return self.of_thread.wire

    def sign_in(self, name: str, password: str) -> None:
        self.send("/accounts/login/", {"login": name, "password": password}, seen_on="/accounts/login/")

    def send(self, path: str, values: dict[str, str], *, seen_on: str) -> None:
        """Sends a form of the page `seen_on` that leads on to another one."""
        _, page = self.get(seen_on)
        token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1].decode()
        posted = urllib.parse.urlencode(values | {"csrfmiddlewaretoken": token})
        headers = {"Referer": self.origin, "Content-Type": "application/x-www-form-urlencoded"}
        status, _ = self.ask("POST", path, body=posted, headers=headers)
        if status != 302:
            raise RuntimeError(f"{path} answered {status} to the benchmark's reader")
