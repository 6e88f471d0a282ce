"""`make demo`'s command as a newcomer runs it: real processes, real ports, a folder of its own."""

import contextlib
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import requests

from tests.free_ports import free_ports
from tests.migrated import migrated_database
from tests.pages import parsed

ROOT = Path(__file__).resolve().parent.parent
RUNS = 24
START_S = 90
STOP_S = 20
PASSWORD = "a password for the demo"

pytestmark = [pytest.mark.clock]


class Demo:
    """A demo under way. `origin` of the dashboard, `words` it has printed, `process`.

    Its database is migrated beforehand, unless `from_nothing`: that takes it longest.
    """

    def __init__(self, folder: Path, *, from_nothing: bool = False, **environment: str) -> None:
        self.folder = folder
        if not from_nothing and not folder.exists():
            folder.mkdir()
            shutil.copy(migrated_database(), folder / "runsdash.sqlite3")
        self.port, self.sandbox_port = free_ports(2)
        self.log = folder.parent / f"{folder.name}.log"
        environment = {
            "PATH": "/usr/bin:/bin", "DEMO_DIR": str(folder), "DEMO_RUNS": str(RUNS),
            "PORT": str(self.port), "SANDBOX_PORT": str(self.sandbox_port), **environment,
        }  # fmt: skip
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                # As a background job of a script has it: SIGINT ignored.
                ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", sys.executable, "manage.py", "demo"],
                cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def words(self) -> str:
        return self.log.read_text()

    def wait_until_up(self) -> int:
        """How many runs were in the index at the moment /healthz first answered."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            if answers(f"{self.origin}/healthz"):
                return self.runs_in_index()
            time.sleep(0.05)
        raise AssertionError(f"the demo did not come up:\n{self.words}")

    def wait_for_words(self, words: str, *, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while words not in self.words:
            assert time.monotonic() < deadline, f"{words!r} is not in:\n{self.words}"
            time.sleep(0.05)

    def runs_in_index(self) -> int:
        return self.asked("SELECT COUNT(*) FROM index_run")[0]

    def asked(self, query: str, *values: object) -> tuple | None:
        """One row of the demo's index, read beside its own processes."""
        with closing(sqlite3.connect(f"file:{self.folder / 'runsdash.sqlite3'}?mode=ro", uri=True)) as index:
            return index.execute(query, values).fetchone()

    def children(self) -> list[int]:
        """Process ids of what the demo has started, their workers included."""
        found, parents = [], [self.process.pid]
        while parents:
            for thread in Path(f"/proc/{parents.pop()}/task").glob("*/children"):
                with contextlib.suppress(FileNotFoundError):  # the thread has ended since
                    started = [int(word) for word in thread.read_text().split()]
                    found += started
                    parents += started
        return found

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=STOP_S)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).status_code == 200
    except requests.RequestException:
        return False


@contextmanager
def demo(folder: Path, *, from_nothing: bool = False, **environment: str) -> Iterator[Demo]:
    one = Demo(folder, from_nothing=from_nothing, **environment)
    try:
        yield one
    finally:
        one.stop()


def signed_in(origin: str, name: str, password: str) -> requests.Session:
    session = requests.Session()
    form = parsed(session.get(f"{origin}/accounts/login/", timeout=10).text)
    token = form.all("input", name="csrfmiddlewaretoken")[0]["value"]
    posted = {"login": name, "password": password, "csrfmiddlewaretoken": token}
    session.post(f"{origin}/accounts/login/", data=posted, headers={"Referer": origin}, timeout=10)
    return session


def is_alive(pid: int) -> bool:
    """Zombies are dead: in a container nobody may collect them."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demo(tmp_path_factory.mktemp("demo") / "state", DEMO_PASSWORD=PASSWORD) as one:
        one.runs_at_start = one.wait_until_up()
        yield one


def test_the_past_is_in_the_index_before_the_dashboard_answers(running):
    assert running.runs_at_start >= RUNS


def test_it_says_where_it_is_and_how_to_sign_in(running):
    running.wait_for_words("Ctrl-C stops everything")
    assert f"http://127.0.0.1:{running.port}/" in running.words
    assert PASSWORD in running.words
    assert f"http://127.0.0.1:{running.sandbox_port}/" in running.words


@pytest.mark.parametrize(("name", "role"), [("admin", "admin"), ("operator", "operator"), ("viewer", "viewer")])
def test_each_user_may_sign_in_and_sees_runs(running, name, role):
    with signed_in(running.origin, name, PASSWORD) as session:
        page = session.get(f"{running.origin}/runs/", timeout=10)
        assert page.status_code == 200
        assert parsed(page.text).all(data_run_id=True)
        new = session.get(f"{running.origin}/runs/new/", timeout=10)
        assert new.status_code == (403 if role == "viewer" else 200)


@pytest.mark.long
def test_the_worker_is_part_of_it(running):
    """A run that nobody looks at is followed."""
    upstream = f"http://127.0.0.1:{running.sandbox_port}/v1"
    body = {"assistant_id": "asst_sandbox_dispatch", "thread": {"messages": [{"role": "user", "content": "Hello"}]}}
    headers = {"Authorization": "Bearer sandbox"}
    run = requests.post(f"{upstream}/threads/runs", json=body, headers=headers, timeout=10).json()
    deadline = time.monotonic() + 60
    query = "SELECT status FROM index_run WHERE upstream_id = ?"
    while (found := running.asked(query, run["id"])) != ("completed",):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def test_what_it_exports_stands_in_its_own_folder(running):
    with signed_in(running.origin, "operator", PASSWORD) as session:
        form = parsed(session.get(f"{running.origin}/bulk/new/?q=status:completed", timeout=10).text).one(
            id="bulk-form"
        )
        posted = {field["name"]: field.get("value") or "" for field in form.all("input", type="hidden")}
        posted |= {"operation": "export", "q": "status:completed"}
        made = session.post(f"{running.origin}/bulk/new/", data=posted, headers={"Referer": running.origin}, timeout=10)
        assert "/bulk/new/" not in made.url, parsed(made.text).one("main").text
    deadline = time.monotonic() + 20
    while not (names := [path.name for path in (running.folder / "files").glob("*.jsonl")]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert names == ["runs-1.jsonl"]


@pytest.mark.long
def test_many_runs_are_read_while_it_serves(tmp_path):
    with demo(tmp_path / "many", from_nothing=True, DEMO_RUNS="450") as one:
        assert one.wait_until_up() < 450
        one.wait_for_words("The index is filled.", seconds=120)
        assert one.runs_in_index() >= 450


def test_a_given_password_is_not_written_down(running):
    assert not (running.folder / "password").exists()


@pytest.mark.parametrize("variable", ["PORT", pytest.param("SANDBOX_PORT", marks=pytest.mark.long)])
def test_a_busy_port_is_refused_with_a_sentence(running, tmp_path, variable):
    port = running.port if variable == "PORT" else running.sandbox_port
    with demo(tmp_path / variable, **{variable: str(port)}) as second:
        assert second.process.wait(timeout=START_S) == 1
        assert f"Port {port} is in use. Choose another one: {variable}=… make demo" in second.words
        assert "Traceback" not in second.words


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="process ids are looked up in /proc")
@pytest.mark.long
def test_a_second_start_goes_on_and_each_signal_ends_every_part(tmp_path):
    folder = tmp_path / "state"
    with demo(folder, from_nothing=True) as first:
        first.wait_until_up()
        first.wait_for_words("Ctrl-C stops everything")
        password = (folder / "password").read_text().strip()
        assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600
        assert stat.S_IMODE((folder / "secret_key").stat().st_mode) == 0o600
        assert password in first.words
        runs = first.runs_in_index()
        ends_whole(first, signal.SIGINT)
    with demo(folder, from_nothing=True) as second:
        assert second.wait_until_up() >= runs
        assert (folder / "password").read_text().strip() == password
        assert second.runs_in_index() < 2 * RUNS
        with signed_in(second.origin, "viewer", password) as session:
            assert session.get(f"{second.origin}/runs/", timeout=10).status_code == 200
        ends_whole(second, signal.SIGTERM)


def ends_whole(one: Demo, number: signal.Signals) -> None:
    parts = one.children()
    assert len(parts) >= 4, "sandbox, worker, gunicorn and its worker"
    assert one.stop(number) == 0
    assert [pid for pid in parts if is_alive(pid)] == []
    assert is_free(one.port)
    assert is_free(one.sandbox_port)
    assert "Traceback" not in one.words
