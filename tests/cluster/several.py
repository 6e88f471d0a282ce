"""RunsDash as several processes: web servers and workers that share nothing but the database, PostgreSQL or a file."""

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urljoin

import psycopg

from tests.browser.site import environment, printed
from tests.free_ports import gunicorn
from tests.killed import kill_whole
from tests.migrated import migrate, migrated_database
from tests.pages import Element, parsed
from tests.postgres import Postgres
from tests.upstream import ROOT, Sandbox

START_S = 30
COOKIE, CSRF_COOKIE = "runsdash_session", "runsdash_csrf"


@dataclass(frozen=True)
class Child:
    """A process of ours and the file of what it says."""

    process: subprocess.Popen
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text()

    def kill(self) -> None:
        kill_whole(self.process)


class Several:
    """`with Several(upstream) as several:` has a migrated database and users; start what the test needs."""

    def __init__(
        self,
        upstream: Sandbox,
        *,
        postgres: Postgres | None = None,
        on_file: bool = False,
        within: Path | None = None,
        **more: str,
    ) -> None:
        """`postgres`: a cluster that is not started yet; `on_file`: SQLite instead; `within`: the folder of all
        state; `more`: settings.
        """
        self.within = within
        self.more = {"LOG_LEVEL": "INFO"} | more
        self.postgres = None if on_file else postgres or Postgres()
        self.stack = contextlib.ExitStack()
        self.upstream = upstream
        self.children: list[Child] = []

    def __enter__(self) -> "Several":
        with contextlib.ExitStack() as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="several-", dir=self.within)))
            self.files = self.folder / "files"
            self.files.mkdir()
            self.file = self.folder / "index.sqlite3"
            self.database_url = f"sqlite:///{self.file}"
            if self.postgres is not None:
                self.database_url = stack.enter_context(self.postgres).database("runsdash")
                migrate(self.database_url)
            else:
                shutil.copy(migrated_database(), self.file)
            self.environment = environment(
                self.folder,
                DATABASE_URL=self.database_url,
                FILES_DIR=str(self.files),
                RUNSDASH_API_BASE_URL=self.upstream.base_url,
                RUNSDASH_API_KEY=self.upstream.api_key,
                **self.more,
            )
            self.sessions = json.loads(self.run("-m", "tests.browser.prepared"))
            stack.callback(self.stop)
            self.stack = stack.pop_all()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            for child in self.children:
                print(f"--- {child.log.name}\n{child.said[-2000:]}")
        self.stack.close()

    def start(self, name: str, command: list[str], **more: object) -> Child:
        log = self.folder / f"{name}-{len(self.children)}.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file, **more
            )
        self.children.append(Child(process, log))
        return self.children[-1]

    def start_worker(self) -> Child:
        return self.start("worker", [sys.executable, "manage.py", "sync"])

    def start_web(self) -> str:
        """Its URL, once it answers."""
        with gunicorn() as (port, command, number):
            url = f"http://127.0.0.1:{port}"
            self.start("web", command, pass_fds=(number,))
        urllib.request.urlopen(f"{url}/readyz", timeout=START_S).close()
        return url

    def run(self, *arguments: str) -> str:
        """What a process beside the others prints."""
        return printed(self.environment, *arguments)

    def django(self, code: str) -> str:
        return self.run("-c", f"import django; django.setup()\n{code}")

    def rows(self, sql: str, *values: object) -> list[tuple]:
        """What a statement answers; its values stand as `%s` on both engines."""
        if self.postgres is None:
            with contextlib.closing(sqlite3.connect(self.file, timeout=20)) as file, file:
                return file.execute(sql.replace("%s", "?"), values).fetchall()
        with psycopg.connect(self.database_url) as session:
            return session.execute(sql, values).fetchall()

    def page(self, url: str, *, role: str = "viewer") -> Element:
        request = urllib.request.Request(url, headers={"Cookie": f"{COOKIE}={self.sessions[role]}"})
        with urllib.request.urlopen(request, timeout=START_S) as answer:
            return parsed(answer.read().decode())

    def send(self, form: Element, url: str, *, role: str) -> Element:
        """Posts a form as its page has it, and follows; the page that it leads to."""
        fields = {one["name"]: one.get("value") or "" for one in form.all("input", name=True)}
        fields |= {one["name"]: one.all("option")[0]["value"] for one in form.all("select")}
        cookies = f"{COOKIE}={self.sessions[role]}; {CSRF_COOKIE}={fields['csrfmiddlewaretoken']}"
        request = urllib.request.Request(
            urljoin(url, form["action"]), data=urlencode(fields).encode(), headers={"Cookie": cookies, "Referer": url}
        )
        with urllib.request.urlopen(request, timeout=START_S) as answer:
            return parsed(answer.read().decode())

    def stop(self) -> None:
        living = [child.process for child in self.children if child.process.poll() is None]
        for process in living:
            process.terminate()
        for process in living:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=8)
            if process.poll() is None:
                process.kill()
                process.wait(timeout=5)


def eventually(look, *, seconds: float, every_s: float = 0.05):
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(every_s)
    return found
