"""Starts programs of an image as compose.yaml says, without a daemon.

The process that does so is in namespaces of its own (`unshare --mount --net`), so its mounts and ports are its own.
The root is read-only, `/app/var` is not, secrets are files, and nobody there has or gets a privilege.
"""

import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.image.build import ROOT

UNPRIVILEGED = ["--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]


class Container:
    """Holds a mounted root. `settings`: what the image says, `environment`: what compose adds to it."""

    def __init__(self, root: Path, folder: Path, settings: dict[str, Any], given: dict[str, str]) -> None:
        self.root, self.settings, self.given = root, settings, given
        compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
        self.services: dict[str, dict[str, Any]] = compose["services"]
        shared = compose["x-runsdash"]
        held = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"]}
        assert {name: shared[name] for name in held} == held, "compose.yaml holds the containers less than this does"
        assert shared["volumes"] == ["var:/app/var"]
        self.environment: dict[str, str] = shared["environment"]
        self.folder = folder

    def mount(self, secrets: dict[str, str]) -> None:
        user = int(self.settings["User"])
        var, secret_folder = self.folder / "var", self.folder / "secrets"
        var.mkdir()
        secret_folder.mkdir(mode=0o755)
        for name, value in secrets.items():
            (secret_folder / name).write_text(value)
            (secret_folder / name).chmod(0o444)
        places = {var: "app/var", secret_folder: "run/secrets"}
        for inside in (*places.values(), "proc", "dev"):
            (self.root / inside).mkdir(parents=True, exist_ok=True)
        # A volume begins with what the image has at its place.
        subprocess.run(["chown", "--recursive", f"{user}:{user}", var], check=True)
        self._mount("--bind", self.root, self.root)
        self._mount("--options", "remount,bind,ro", self.root)
        for outside, inside in places.items():
            self._mount("--bind", outside, self.root / inside)
        self._mount("--types", "proc", "proc", self.root / "proc")
        self._mount("--rbind", "/dev", self.root / "dev")

    def _mount(self, *words: object) -> None:
        subprocess.run(["mount", *map(str, words)], check=True)

    def command(self, words: list[str], more: dict[str, str] | None = None) -> list[str]:
        user = self.settings["User"]
        variables = {name: value for name, _, value in (one.partition("=") for one in self.settings["Env"])}
        variables |= self.environment | self.given | (more or {})
        named = [f"{name}={value}" for name, value in variables.items()]
        return [
            "chroot", str(self.root), "setpriv", f"--reuid={user}", f"--regid={user}", *UNPRIVILEGED,
            "env", "--ignore-environment", f"--chdir={self.settings['WorkingDir']}", *named, *words,
        ]  # fmt: skip

    def start(self, service: str) -> subprocess.Popen[bytes]:
        return self.start_words(self.services[service].get("command") or self.settings["Cmd"])

    def start_words(self, words: list[str]) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{words[-1].strip('/')}.log").open("ab")
        return subprocess.Popen(self.command(words), stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def run(self, words: list[str], more: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(words, more), capture_output=True, text=True, stdin=subprocess.DEVNULL)
