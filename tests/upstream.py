"""A sandbox server as a subprocess, for tests: start, kill, restart, faults, and what it received."""

import contextlib
import json
import select
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

START_S = 20
ROOT = Path(__file__).resolve().parent.parent


class Sandbox:
    """`with Sandbox() as upstream:` serves on a free port with a database of its own.

    `flags` are more command-line flags, for example `"--expires-s", "2"`. Scripted work is fast unless
    `fast=False`.
    """

    def __init__(self, *flags: str, fast: bool = True, api_key: str = "test-key") -> None:
        self.api_key = api_key
        self.directory = tempfile.TemporaryDirectory(prefix="sandbox-")
        self.flags = [*flags, *(["--fast"] if fast else [])]
        self.port = 0
        self.process: subprocess.Popen | None = None
        self.start()

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "runsdash.sandbox",
            "--port",
            str(self.port),
            "--api-key",
            self.api_key,
        ]
        command += ["--db", f"{self.directory.name}/sandbox.sqlite3", *self.flags]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        ready, _, _ = select.select([self.process.stdout], [], [], START_S)
        self.base_url = self.process.stdout.readline().strip() if ready else ""
        if not self.base_url:
            self.stop()
            raise RuntimeError("the sandbox did not start; its own words are above")
        self.port = urllib.parse.urlsplit(self.base_url).port

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def origin(self) -> str:
        return self.base_url.removesuffix("/v1")

    def kill(self) -> None:
        """SIGKILL: no time to tidy up."""
        self.process.kill()
        self.end()

    def end(self) -> None:
        self.process.wait(timeout=10)
        self.process.stdout.close()

    def restart(self) -> None:
        """The same port and database again, after `kill` or while it runs."""
        if self.process.poll() is None:
            self.process.terminate()
            self.end()
        self.start()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=5)
            if self.process.poll() is None:
                self.process.kill()
        if not self.process.stdout.closed:
            self.end()
        self.directory.cleanup()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # What it received, and what it shall do

    def requests(self, since: float | None = None, *, method: str | None = None, path: str = "") -> list[dict]:
        """The requests under /v1, oldest first, narrowed to a method and a part of the path."""
        query = "" if since is None else f"?since={since}"
        found = self.call("GET", f"/_sandbox/requests{query}")
        return [one for one in found if path in one["path"] and method in (None, one["method"])]

    def clear_requests(self) -> None:
        self.call("DELETE", "/_sandbox/requests")

    def fault(self, match: str, kind: str, times: int | None = 1, **more: object) -> None:
        """The next `times` requests that match (`"POST /runs$"` or a part of a path) get this fault."""
        self.call("POST", "/_sandbox/faults", {"match": match, "kind": kind, "times": times, **more})

    def clear_faults(self) -> None:
        self.call("DELETE", "/_sandbox/faults")

    def quirk(self, **flags: object) -> None:
        self.call("POST", "/_sandbox/quirks", flags)

    def clear_quirks(self) -> None:
        self.call("DELETE", "/_sandbox/quirks")

    def seed(self, **wanted: object) -> dict:
        """One run of any size and status at once; returns `thread_id`, `run_id`, `step_ids`."""
        return self.call("POST", "/_sandbox/seed", wanted)

    def shift(self, run_id: str, *, expires_at: int) -> dict:
        """Moves a run's end, so that it expires now."""
        return self.call("POST", f"/_sandbox/runs/{run_id}", {"expires_at": expires_at})

    # The protocol itself

    def get(self, path: str) -> dict:
        return self.call("GET", "/v1" + path)

    def post(self, path: str, body: dict | None = None) -> dict:
        return self.call("POST", "/v1" + path, body or {})

    def delete(self, path: str) -> dict:
        return self.call("DELETE", "/v1" + path)

    def call(self, method: str, path: str, body: dict | None = None) -> dict:
        """The JSON reply; raises `urllib.error.HTTPError` for a refusal."""
        payload = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.api_key}", "OpenAI-Beta": "assistants=v2"}
        request = urllib.request.Request(self.origin + path, data=payload, headers=headers, method=method)
        if payload is not None:
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.loads(reply.read())

    def refusal(self, method: str, path: str, body: dict | None = None) -> tuple[int, dict]:
        """Status and error object of a call that is refused."""
        try:
            self.call(method, "/v1" + path, body)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())["error"]
        raise AssertionError(f"{method} {path} was not refused")

    # Shorthand for tests of others

    def run(self, text: str, *, assistant_id: str = "asst_sandbox_dispatch", **fields: object) -> dict:
        """A new thread with one user message and a run on it; returns the run as created."""
        thread = {"messages": [{"role": "user", "content": text}]}
        return self.post("/threads/runs", {"assistant_id": assistant_id, "thread": thread, **fields})

    def wait(self, run: dict, *statuses: str, timeout_s: float = 10) -> dict:
        """Reads the run until it has one of `statuses` (by default: until it stops)."""
        wanted = statuses or ("requires_action", "completed", "failed", "incomplete", "expired", "cancelled")
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            found = self.get(f"/threads/{run['thread_id']}/runs/{run['id']}")
            if found["status"] in wanted:
                return found
            time.sleep(0.01)
        raise AssertionError(f"run stayed {found['status']}, wanted {wanted}")

    def answer(self, run: dict, output: str = '{"ok":true}', **more: object) -> dict:
        """Submits `output` for every pending call of a waiting run."""
        calls = run["required_action"]["submit_tool_outputs"]["tool_calls"]
        outputs = [{"tool_call_id": call["id"], "output": output} for call in calls]
        path = f"/threads/{run['thread_id']}/runs/{run['id']}/submit_tool_outputs"
        return self.post(path, {"tool_outputs": outputs, **more})

    def steps(self, run: dict) -> list[dict]:
        path = f"/threads/{run['thread_id']}/runs/{run['id']}/steps?limit=100&order=asc"
        return self.get(path)["data"]

    def answer_text(self, run: dict) -> str:
        """The text of the newest message of the run."""
        newest = self.get(f"/threads/{run['thread_id']}/messages?run_id={run['id']}")["data"][0]
        return "".join(part["text"]["value"] for part in newest["content"] if part["type"] == "text")
