"""A dashboard as its users have it: gunicorn with a database and an upstream of its own, and a worker where asked for."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from tests.free_ports import gunicorn
from tests.migrated import migrated_database
from tests.upstream import ROOT, Sandbox

START_S = 30
SLOW_S = 180  # migrations on a machine that others use
SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "runsdash.settings",
    "SECRET_KEY": "only-for-browser-tests-" + "x" * 40,
    "DEBUG": "off",
    "SECURE_SSL": "off",
    "ALLOWED_HOSTS": "localhost,127.0.0.1,testserver",
    "CACHE_URL": "dbcache://runsdash_cache",
    "RUNSDASH_API_KIND": "sandbox",
    "RUNSDASH_API_VERSION": "",
    "LOG_LEVEL": "WARNING",
}


def environment(folder: Path, **more: str) -> dict[str, str]:
    """What a process of ours is started with: this test run's, with `folder` for all state."""
    paths = {
        "DATABASE_URL": f"sqlite:///{folder / 'index.sqlite3'}",
        "STATIC_ROOT": str(folder / "static"),
        "FILES_DIR": str(folder / "files"),
    }
    return os.environ | SETTINGS | {"RUNSDASH_API_BASE_URL": "", "RUNSDASH_API_KEY": ""} | paths | more


def printed(environment: dict[str, str], *arguments: str) -> str:
    """What `python …` prints when it runs with these settings."""
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=SLOW_S
    )
    return done.stdout


class Prepared:
    """A migrated database with a user for each role, made once and copied for every site."""

    def __init__(self) -> None:
        self.directory = tempfile.TemporaryDirectory(prefix="prepared-")
        self.folder = Path(self.directory.name)
        shutil.copy(migrated_database(), self.folder / "index.sqlite3")
        self.sessions: dict[str, str] = json.loads(printed(environment(self.folder), "-m", "tests.browser.prepared"))

    def __enter__(self) -> "Prepared":
        return self

    def __exit__(self, *_: object) -> None:
        self.directory.cleanup()

    def copy_to(self, folder: Path) -> None:
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)


class Site:
    """`url` is where it listens; `upstream` its sandbox. `timeout_s` is the connection's."""

    def __init__(self, prepared: Prepared, upstream: Sandbox, *, timeout_s: float = 5, **settings: str) -> None:
        self.upstream = upstream
        self.sessions = prepared.sessions
        self.directory = tempfile.TemporaryDirectory(prefix="site-")
        self.folder = Path(self.directory.name)
        prepared.copy_to(self.folder)
        api = {"BASE_URL": upstream.base_url, "KEY": upstream.api_key, "TIMEOUT_S": str(timeout_s)}
        self.environment = environment(
            self.folder, **({f"RUNSDASH_API_{name}": value for name, value in api.items()} | settings)
        )
        self.children: list[subprocess.Popen] = []
        self.url = ""

    def __enter__(self) -> "Site":
        try:
            self.serve()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def serve(self) -> None:
        with gunicorn() as (port, command, number):
            self.url = f"http://127.0.0.1:{port}"
            self.start(command, pass_fds=(number,))
        urllib.request.urlopen(f"{self.url}/healthz", timeout=START_S).close()

    def start(self, command: list[str], **more: object) -> None:
        child = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, **more)
        self.children.append(child)

    def start_worker(self) -> None:
        self.start([sys.executable, "manage.py", "sync"], stdout=subprocess.DEVNULL)

    def run(self, *arguments: str) -> str:
        """What `python -m …` prints, run beside the server with the same settings."""
        return printed(self.environment, *arguments)

    def stop(self) -> None:
        for child in self.children:
            child.terminate()
        for child in self.children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=8)
            if child.poll() is None:
                child.kill()
                child.wait(timeout=5)
        self.directory.cleanup()
