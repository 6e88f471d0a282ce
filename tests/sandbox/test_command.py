"""The command line: `manage.py sandbox` and `python -m runsdash.sandbox`."""

import ast
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
COMMANDS = {
    "manage": [sys.executable, "manage.py", "sandbox"],
    "module": [sys.executable, "-m", "runsdash.sandbox"],
}


def start(command: list[str], *flags: str) -> subprocess.Popen:
    """Without any environment of ours."""
    environment = {"PATH": "/usr/bin:/bin"}
    flags = ("--port", "0", *flags)
    return subprocess.Popen([*command, *flags], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def first_line(process: subprocess.Popen) -> str:
    ready, _, _ = select.select([process.stdout], [], [], 30)
    return process.stdout.readline().strip() if ready else ""


@pytest.mark.parametrize("way", COMMANDS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_starts_prints_its_url_and_ends_on_a_signal(tmp_path, way, number):
    database = tmp_path / "deep" / "sandbox.sqlite3"
    with start(COMMANDS[way], "--db", str(database), "--fast", "--api-key", "k") as process:
        url = first_line(process)
        assert url.startswith("http://127.0.0.1:")
        assert url.endswith("/v1")
        request = urllib.request.Request(url + "/assistants", headers={"Authorization": "Bearer k"})
        with urllib.request.urlopen(request, timeout=5) as reply:
            assert reply.status == 200
        process.send_signal(number)
        assert process.wait(timeout=10) == 0
        assert process.stdout.read() == ""
    assert database.exists()


@pytest.mark.clock
def test_starts_quickly(tmp_path):
    began = time.monotonic()
    with start(COMMANDS["module"], "--db", str(tmp_path / "s.sqlite3")) as process:
        assert first_line(process)
        took_s = time.monotonic() - began
        process.terminate()
        process.wait(timeout=10)
    assert took_s < 2  # half a second on an idle machine


@pytest.mark.parametrize(("faults", "sentence"), [("gremlins:1", "no fault of kind"), ("429:2", "from 0 to 1")])
def test_unknown_faults_are_refused_at_start(tmp_path, faults, sentence):
    said = refused(tmp_path, "--port", "0", "--faults", faults)
    assert sentence in said


def test_a_port_that_is_taken_is_a_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = refused(tmp_path, "--port", port)
    assert said.startswith(f"The sandbox cannot listen on port {port}")
    assert len(said.splitlines()) == 1


def refused(folder: Path, *flags: str) -> str:
    """What it says when it does not start."""
    command = [*COMMANDS["module"], "--db", str(folder / "s.sqlite3"), *flags]
    ended = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode != 0
    return ended.stderr


def test_the_room_imports_nothing_of_the_others_and_reads_no_environment():
    allowed = set(sys.stdlib_module_names) | {"runsdash"}
    for path in (ROOT / "runsdash" / "sandbox").rglob("*.py"):
        extra = {"chat.py": {"requests"}, "apps.py": {"django"}}.get(path.name, set())
        if "management" in path.parts:
            extra = {"django"}
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            for name in names:
                assert name.split(".")[0] in allowed | extra, f"{path.name} imports {name}"
                assert not name.startswith("runsdash.") or name.startswith("runsdash.sandbox"), path
            assert not (isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")), path
