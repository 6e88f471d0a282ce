"""Installs and starts servers of the protocol that nobody here wrote, each in an environment of its own under var/."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

VAR = Path(__file__).resolve().parent.parent / "var"
INSTALL_S, START_S = 900, 120


def installed(name: str, *packages: str) -> Path:
    """Returns the folder of the environment; skips the test where it cannot be made.

    `packages`: what pip is given, one call each, since a later one may lean on what an earlier one chose.
    """
    folder = VAR / name
    done = folder / "installed"
    if done.exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)  # what an earlier try left half done
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    for some in packages:
        command = [folder / "bin" / "python", "-m", "pip", "install", "-q", "--no-compile", *some.split()]
        try:
            answer = subprocess.run(command, check=False, capture_output=True, text=True, timeout=INSTALL_S)
        except subprocess.TimeoutExpired:
            pytest.skip(f"{name} was not installed within {INSTALL_S} s")
        if answer.returncode:
            pytest.skip(f"{name} cannot be installed here: {answer.stderr.strip().splitlines()[-1:]}")
    done.touch()
    return folder


@contextmanager
def served(command: list[str | Path], url: str, *, cwd: Path, env: dict[str, str] | None = None) -> Iterator[None]:
    """Runs a server until the block ends; it begins once `url` is answered, in whatever way."""
    with subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(url, process)
            yield
        finally:
            process.terminate()


def wait_for(url: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            urlopen(url, timeout=5).close()
            return
        except HTTPError:
            return
        except OSError:
            assert process.poll() is None, f"the server ended with {process.returncode}"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.2)
