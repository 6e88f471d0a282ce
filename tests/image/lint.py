"""Lints Dockerfile and compose.yaml with hadolint and a reader of the Compose specification."""

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

from tests.image.build import ROOT

TOOLS = ROOT / "var" / "image-tools"
READ_COMPOSE = "import sys, compose_spec; compose_spec.PyCompose.from_json(sys.stdin.read())"


def installed() -> bool:
    """Installs the tools at the first time; False when they cannot be had."""
    if (TOOLS / "bin" / "hadolint").exists():
        return True
    subprocess.run([sys.executable, "-m", "venv", TOOLS], check=True)
    packages = str(Path(__file__).with_name("requirements.txt"))
    pip = [TOOLS / "bin" / "python", "-m", "pip", "install", "--quiet", "--requirement", packages]
    return subprocess.run(pip, stderr=subprocess.DEVNULL).returncode == 0


def compose_as_json(text: str) -> str:
    """Returns it as Compose reads it, with the defaults of its variables."""
    return json.dumps(yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)))


def complaints() -> list[str]:
    docker = subprocess.run([TOOLS / "bin" / "hadolint", ROOT / "Dockerfile"], capture_output=True, text=True)
    read = compose_as_json((ROOT / "compose.yaml").read_text())
    command = [TOOLS / "bin" / "python", "-c", READ_COMPOSE]
    compose = subprocess.run(command, input=read, capture_output=True, text=True)
    found = [f"compose.yaml: {compose.stderr.strip().splitlines()[-1]}"] if compose.returncode else []
    return [*docker.stdout.splitlines(), *found] + (["hadolint failed"] if docker.returncode > 1 else [])
