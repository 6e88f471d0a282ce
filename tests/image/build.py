"""Builds the image with buildah, which needs no daemon, on a base made of Debian's packages if none is named."""

import json
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("buildah", "mmdebstrap", "unshare", "setpriv")
IMAGE, MADE_BASE = "localhost/runsdash-test", "localhost/runsdash-test-base"
# What the official base has and RunsDash needs.
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates,tzdata"
BASE_FILE = "FROM scratch\nADD base.tar /\nRUN ln -sf /usr/bin/python3 /usr/local/bin/python\n"
CERTIFICATES = Path("/etc/ssl/certs")  # a host may trust more than its Debian does
ENVIRONMENT = {**os.environ, "STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}


def lacks() -> str:
    """Says what this machine lacks to build an image; empty when nothing is."""
    if os.geteuid() != 0:
        return "it takes root"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


def run(*command: str, cwd: Path = ROOT) -> str:
    """Runs a program to its end and returns what it printed. Raises RuntimeError with its last lines."""
    done = subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise RuntimeError(f"{shlex.join(command[:3])} … ended with {done.returncode}:\n{last}")
    return done.stdout.strip()


def base() -> str:
    """Returns the base: the one that IMAGE_BASE names, else one made here, which is kept for the next time."""
    if named := os.environ.get("IMAGE_BASE"):
        return named
    if not run("buildah", "images", "--quiet", "--filter", f"reference={MADE_BASE}"):
        with tempfile.TemporaryDirectory() as folder:
            run("mmdebstrap", "--variant=apt", f"--include={PACKAGES}", "bookworm", f"{folder}/base.tar")
            (Path(folder) / "Dockerfile").write_text(BASE_FILE)
            run("buildah", "bud", "--tag", MADE_BASE, folder)
    return MADE_BASE


def build(base_name: str) -> None:
    flags = ["--pull=never"] if base_name == MADE_BASE else []
    if CERTIFICATES.is_dir():
        flags += ["--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"]
    run(
        "buildah", "bud", *flags, "--network", "host", "--format", "docker",  # Docker's keeps HEALTHCHECK
        "--build-arg", f"BASE={base_name}", "--tag", IMAGE, str(ROOT),
    )  # fmt: skip


def megabytes(image: str) -> float:
    number, unit = json.loads(run("buildah", "images", "--json", image))[0]["size"].split()
    return float(number) * {"KB": 0.001, "MB": 1.0, "GB": 1000.0}[unit]


def settings_of(image: str) -> dict[str, Any]:
    """Returns what the image says of its start: Cmd, Env, User, WorkingDir, Healthcheck."""
    settings: dict[str, Any] = json.loads(run("buildah", "inspect", "--type", "image", image))["Docker"]["config"]
    return settings
