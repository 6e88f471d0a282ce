"""Runs the whole thing on one machine (`manage.py demo`): sandbox upstream, index, worker, dashboard."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from runsdash.accounts.models import User
from runsdash.accounts.roles import Role
from runsdash.index.totals.rollups import roll_up
from runsdash.sync.worker import Worker

START_S = 60.0
INDEX_S = 600.0
FILLED_FIRST = 400  # so many runs are in the index before the dashboard answers; more are read while it serves
STOP_S = 8.0
WORKER = sys.executable, "manage.py", "sync"
USERS = {"admin": Role.ADMIN, "operator": Role.OPERATOR, "viewer": Role.VIEWER}


class Command(BaseCommand):
    help = "Start sandbox, worker and dashboard with a seeded past; Ctrl-C stops all of it. See `make demo`."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        for number in (signal.SIGTERM, signal.SIGINT):  # a shell lets its background jobs ignore SIGINT
            signal.signal(number, signal.default_int_handler)
        try:
            self.bring_up()
            self.watch()
        except KeyboardInterrupt:
            self.say("Stopping.")
        finally:
            self.stop_children()

    def bring_up(self) -> None:
        for port, variable in ((settings.DEMO_PORT, "PORT"), (settings.DEMO_SANDBOX_PORT, "SANDBOX_PORT")):
            refuse_busy(port, variable)
        settings.DEMO_DIR.mkdir(parents=True, exist_ok=True)
        self.say("Preparing the database …")
        call_command("migrate", verbosity=0, interactive=False)
        call_command("collectstatic", verbosity=0, interactive=False, clear=True)
        password = demo_password(settings.DEMO_DIR / "password")
        add_users(password)
        self.start("sandbox", *sandbox_command())
        self.wait_for(f"http://127.0.0.1:{settings.DEMO_SANDBOX_PORT}/", "sandbox")
        is_small = settings.DEMO_RUNS <= FILLED_FIRST
        if is_small and not self.fill():
            raise CommandError("The index was not filled in time. Choose fewer runs by DEMO_RUNS.")
        if is_small:
            self.start("worker", *WORKER)
        self.start("dashboard", *web_command())
        self.wait_for(f"http://127.0.0.1:{settings.DEMO_PORT}/healthz", "dashboard")
        self.say_where(password)
        if not is_small:
            self.fill()  # what is left over then, the worker reads at its own pace
            self.start("worker", *WORKER)

    def fill(self) -> bool:
        """Reads the sandbox's past into the index. False when the time was over first."""
        self.say("Reading the sandbox's past into the index …")
        is_filled = Worker(unlimited=True).run_until_idle(seconds=INDEX_S)
        while roll_up():  # so that the next look at the overview counts all of it
            pass
        if is_filled:
            self.say("The index is filled.")
        return is_filled

    def say_where(self, password: str) -> None:
        self.say(
            f"\nRunsDash is at http://127.0.0.1:{settings.DEMO_PORT}/\n"
            f"Sign in as admin, operator or viewer with the password {password}\n"
            f"Upstream: the scripted sandbox at http://127.0.0.1:{settings.DEMO_SANDBOX_PORT}/ (its page lists what it "
            "understands). Ctrl-C stops everything."
        )

    def start(self, name: str, *command: str) -> None:
        self.children[name] = subprocess.Popen(
            command, cwd=settings.BASE_DIR, env=child_environment(), stdin=subprocess.DEVNULL, start_new_session=True
        )

    def wait_for(self, url: str, name: str) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self.children[name].poll() is not None:
                raise CommandError(f"The {name} ended by itself; its own words are above.")
            try:
                urllib.request.urlopen(url, timeout=2).close()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise CommandError(f"The {name} did not answer at {url}.")

    def watch(self) -> None:
        """Waits for Ctrl-C, or for a part that ends by itself. The sandbox may go and come."""
        while True:
            time.sleep(0.5)
            for name, child in self.children.items():
                if child.poll() is not None and name != "sandbox":
                    raise CommandError(f"The {name} ended by itself with code {child.returncode}.")

    def stop_children(self) -> None:
        living = [child for child in reversed(self.children.values()) if child.poll() is None]
        for child in living:
            child.terminate()
        deadline = time.monotonic() + STOP_S
        for child in living:
            try:
                child.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def refuse_busy(port: int, variable: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise CommandError(f"Port {port} is in use. Choose another one: {variable}=… make demo") from None


def demo_password(path: Path) -> str:
    """Returns DEMO_PASSWORD, else the one in `path` (mode 0600), made on first start."""
    if settings.DEMO_PASSWORD:
        return str(settings.DEMO_PASSWORD)
    if not path.exists():
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(12))
    return path.read_text().strip()


def add_users(password: str) -> None:
    for name, role in USERS.items():
        user = User.named(name) or User(username=name)
        if user.role != role or not user.check_password(password):
            user.role = role
            user.set_password(password)
            user.save()


def sandbox_command() -> list[str]:
    flags = ["--port", str(settings.DEMO_SANDBOX_PORT), "--db", str(settings.DEMO_DIR / "sandbox.sqlite3")]
    chat = ["--chat-url", settings.SANDBOX_CHAT_URL, "--chat-model", settings.SANDBOX_CHAT_MODEL]
    more = chat if settings.SANDBOX_CHAT_URL else []
    runs = ["--seed-runs", str(settings.DEMO_RUNS)]
    return [sys.executable, "-m", "runsdash.sandbox", *flags, *runs, "--api-key", settings.RUNSDASH_API_KEY, *more]


def web_command() -> list[str]:
    return [
        sys.executable, "-m", "gunicorn", "runsdash.wsgi", "--config", "gunicorn.conf.py", "--workers", "1",
        "--bind", f"127.0.0.1:{settings.DEMO_PORT}", "--log-level", "warning",
    ]  # fmt: skip


def child_environment() -> dict[str, str]:
    """Points the parts at the demo's own database and sandbox, whatever the environment said."""
    return settings.INHERITED_ENVIRONMENT | {
        "SECRET_KEY": settings.SECRET_KEY,
        "DEBUG": "off",
        "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
        "SECURE_SSL": "off",
        "CACHE_URL": "dbcache://runsdash_cache",
        "DATABASE_URL": settings.SQLITE_URL,
        "FILES_DIR": str(settings.FILES_DIR),
        "STATIC_ROOT": settings.STATIC_ROOT,
        "RUNSDASH_API_BASE_URL": settings.RUNSDASH_API_BASE_URL,
        "RUNSDASH_API_KEY": settings.RUNSDASH_API_KEY,
        "RUNSDASH_API_KIND": settings.RUNSDASH_API_KIND,
        "RUNSDASH_API_VERSION": "",
    }
