"""A disk that is really full, with the database and all files on it: pages are read, writes are refused and send nothing,
and everything goes on by itself once there is room. `tests/dashboard/shell/test_unwritable.py` has every form."""

import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlencode

import pytest

from runsdash.index.storage.unwritable import FULL
from tests.browser.paths import TOOL
from tests.cluster.chaos_work import CSRF, FILLER, Dashboard, be_seen, path_of
from tests.cluster.promises import STUCK
from tests.cluster.several import START_S, Several, eventually
from tests.free_ports import gunicorn
from tests.hostile_rows import run_object
from tests.pages import Element, parsed
from tests.upstream import Sandbox

pytestmark = [pytest.mark.long, pytest.mark.clock, pytest.mark.timeout(240)]
SIZE = "64m"
WORDS = "typed with care"
READ = ["/", "/runs/", "/threads/", "/needs-action/", "/audit/", "/healthz", "/readyz"]
UNTIL_FULL = 200  # notes that the log of the database may still have had room for
TOKEN = """
from runsdash.accounts.tokens import new_token
from runsdash.index.models import Connection
Connection.objects.create(slug="sent", name="sent", base_url="", is_enabled=False)
token, secret = new_token(name="full", scopes=["ingest"], user=None, days=None)
token.save()
print(secret)
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own, in memory."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.getuid() != 0:
        pytest.skip("only root may mount a disk")
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", place], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no disk can be mounted here: {error}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


class Site:
    """Web server and worker on the disk, and an operator with runs to act on."""

    def __init__(self, several: Several) -> None:
        self.several, self.upstream = several, several.upstream
        self.secret = several.django(TOKEN).strip()
        with gunicorn(workers=2) as (port, command, number):
            several.start("web", command, pass_fds=(number,))
        several.start_worker()
        self.dashboard = Dashboard(several, f"http://127.0.0.1:{port}", self.secret, answer_s=60)
        eventually(lambda: self.dashboard.ask("/readyz") == 200, seconds=START_S)
        agent = self.upstream.post("/assistants", {"model": "gpt-4o", "name": "Full", "tools": [TOOL]})["id"]
        self.runs = [
            self.upstream.wait(self.upstream.run("/tool", assistant_id=agent), "requires_action") for _ in range(4)
        ]
        for run in self.runs:
            be_seen(run, self.dashboard)
        self.upstream.clear_requests()

    def doors(self) -> dict[str, tuple[str, dict[str, str]]]:
        noted, answered, cancelled, changed = self.runs
        (call,) = answered["required_action"]["submit_tool_outputs"]["tool_calls"]
        return {
            "note": (path_of(noted, "notes/"), {"text": WORDS}),
            "outputs": (path_of(answered, "tool-outputs/"), {f"output-{call['id']}": WORDS, "token": "o"}),
            "cancel": (path_of(cancelled, "cancel/"), {"reason": WORDS, "token": "c"}),
            "metadata": (
                path_of(changed, "metadata/"),
                {"metadata-0-key": "k", "metadata-0-value": WORDS, "token": "m"},
            ),
        }

    def refused(self, path: str, typed: dict[str, str]) -> Element:
        """The page that refuses a form."""
        headers = {"Cookie": self.dashboard.cookies, "Referer": self.dashboard.url, "X-CSRFToken": CSRF}
        request = urllib.request.Request(self.dashboard.url + path, data=urlencode(typed).encode(), headers=headers)
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(request, timeout=60)
        with refusal.value:
            assert refusal.value.code == 503
            return parsed(refusal.value.read().decode())

    def sent(self) -> list[str]:
        return sorted(one["path"].rpartition("/")[2] for one in self.upstream.requests(method="POST"))


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Not a byte is left there."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"\0" * 4096):
            pass
    try:
        yield
    finally:
        filler.unlink()


def test_a_full_disk_is_read_and_takes_writes_again_once_there_is_room(disk: Path) -> None:
    with Sandbox("--expires-s", "7200") as upstream, Several(upstream, on_file=True, within=disk) as several:
        site = Site(several)
        doors, ask = site.doors(), site.dashboard.ask
        several.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        with filled(disk):
            taken = until_refused(site)
            read = [*READ, *(path_of(run) for run in site.runs), f"/threads/{site.runs[0]['thread_id']}/"]
            assert {path: status for path in read if (status := ask(path)) != 200} == {}
            for path, typed in doors.values():
                page = site.refused(path, typed)
                assert FULL in page.one("main").text
                kept = {one.get("value", "") for one in page.all("input")} | {one.text for one in page.all("textarea")}
                assert WORDS in kept
            assert site.dashboard.send_in(run_object("full", [WORDS], waits=False)) == 503
            assert site.dashboard.upload("/threads/add/?connection=default", FILLER * 20) == 503
            assert list(several.files.iterdir()) == []
            assert site.sent() == []
            unseen = upstream.run("Nobody looks.")
        assert {door: status for door, one in doors.items() if (status := site.dashboard.post(*one)) >= 400} == {}
        assert site.dashboard.send_in(run_object("full", [WORDS], waits=False)) == 200
        assert site.sent() == sorted(["runs", "submit_tool_outputs", "cancel", site.runs[3]["id"]])
        eventually(lambda: several.rows("SELECT 1 FROM index_run WHERE upstream_id = %s", unseen["id"]), seconds=90)
        eventually(lambda: not stuck(several), seconds=60)
        assert several.rows("SELECT count(*) FROM index_note") == [(taken + 1,)]
        assert upstream.get(f"/threads/{site.runs[3]['thread_id']}/runs/{site.runs[3]['id']}")["metadata"] == {
            "k": WORDS
        }
        assert [child.process.poll() for child in several.children] == [None, None]


def until_refused(site: Site) -> int:
    """How many notes were taken before the log of the database was at the end of its room."""
    run = site.runs[0]
    for number in range(UNTIL_FULL):
        status = site.dashboard.post(path_of(run, "notes/"), {"text": f"{number} " * 1000})
        if status == 503:
            return number
        assert status < 400
    raise AssertionError("the disk is never full")


def stuck(several: Several) -> dict[str, int]:
    return {name: count for name, sql in STUCK.items() if (count := several.rows(sql)[0][0])}
