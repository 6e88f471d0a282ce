"""SIGKILL while a submit, a cancel and a bulk cancel are under way: to the dashboard, then to the upstream.

Whatever dies, afterwards the trail has one clear outcome a write, index and upstream agree, and nothing was sent twice.
"""

import contextlib
import sqlite3
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest

from tests.browser.site import Prepared, Site
from tests.cluster.several import eventually
from tests.killed import kill_whole
from tests.upstream import Sandbox

pytestmark = [pytest.mark.long, pytest.mark.clock]
CSRF = "a" * 32
RESULTS = "SELECT action, (SELECT GROUP_CONCAT(o.result) FROM audit_auditentry o WHERE o.intent_id = i.id) \
FROM audit_auditentry i WHERE i.kind = 'intent' AND i.run_id = ?"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Prepared() as prepared, Sandbox() as upstream, Site(prepared, upstream, timeout_s=2) as site:
        site.start_worker()
        yield site


class Writes:
    """Runs that wait, and writes to them that the upstream does (`drip`: no whole answer comes) or never does (`hang`)."""

    def __init__(self, site: Site) -> None:
        self.site, self.upstream = site, site.upstream
        self.upstream.clear_requests()
        self.sent = 0
        self.submitted, self.unsubmitted, self.cancelled, self.uncancelled, *self.bulk = [
            self.upstream.wait(self.upstream.run("/tool"), "requires_action") for _ in range(7)
        ]
        for run in self.all:
            self.call(self.path(run))

    @property
    def all(self) -> list[dict]:
        return [self.submitted, self.unsubmitted, self.cancelled, self.uncancelled, *self.bulk]

    def path(self, run: dict) -> str:
        return f"/threads/{run['thread_id']}/runs/{run['id']}/"

    def call(self, path: str, typed: dict[str, object] | None = None) -> None:
        typed = None if typed is None else urllib.parse.urlencode(typed | {"csrfmiddlewaretoken": CSRF}, True).encode()
        cookies = f"runsdash_session={self.site.sessions['operator']}; runsdash_csrf={CSRF}"
        headers = {"Cookie": cookies, "Referer": self.site.url}
        request = urllib.request.Request(self.site.url + path, data=typed, headers=headers)
        with contextlib.suppress(OSError, urllib.error.HTTPError):
            urllib.request.urlopen(request, timeout=20).close()

    def begin(self) -> None:
        """Four posts and a bulk job, all of them waiting for the upstream."""
        for run, action, kind in (
            (self.submitted, "submit_tool_outputs", "drip"), (self.unsubmitted, "submit_tool_outputs", "hang"),
            (self.cancelled, "cancel", "drip"), (self.uncancelled, "cancel", "hang"), (self.bulk[1], "cancel", "drip"),
        ):  # fmt: skip
            self.upstream.fault(f"POST {run['id']}/{action}", kind, times=None)
        keys = [self.rows("SELECT id FROM index_run WHERE upstream_id = ?", run["id"])[0][0] for run in self.bulk]
        self.call("/bulk/new/", {"run": keys, "operation": "cancel", "token": f"bulk-of-{keys[0]}"})
        eventually(lambda: self.count(self.bulk[1]) or self.count(self.bulk[2]), seconds=30)
        posts = [(run, "tool-outputs/", self.typed(run)) for run in (self.submitted, self.unsubmitted)]
        posts += [(run, "cancel/", {"token": run["id"]}) for run in (self.cancelled, self.uncancelled)]
        for run, name, typed in posts:
            threading.Thread(target=self.call, args=(self.path(run) + name, typed), daemon=True).start()
        eventually(lambda: all(self.count(run) for run in self.all[:4]), seconds=5, every_s=0.01)

    def typed(self, run: dict) -> dict[str, str]:
        (call,) = run["required_action"]["submit_tool_outputs"]["tool_calls"]
        return {"token": run["id"], f"output-{call['id']}": '{"left": 7}'}

    def count(self, run: dict) -> int:
        return len(self.upstream.requests(method="POST", path=run["id"]))

    def rows(self, sql: str, *values: object) -> list[tuple]:
        with contextlib.closing(sqlite3.connect(self.site.folder / "index.sqlite3", timeout=20)) as database:
            return database.execute(sql, values).fetchall()

    def results(self, run: dict) -> list[tuple[str, list[str]]]:
        return [(action, (told or "").split(",")) for action, told in self.rows(RESULTS, run["id"])]

    def is_settled(self) -> bool:
        found = [self.results(run) for run in self.all[:4]]
        items = self.rows("SELECT state FROM bulk_bulkitem")
        return all(one and one[0][1][-1] not in {"", "unclear"} for one in found) and not {
            "waiting", "doing", "unclear",
        } & {state for (state,) in items}  # fmt: skip

    def agree(self) -> bool:
        """Index and upstream."""
        told = dict(self.rows("SELECT upstream_id, status FROM index_run"))
        return all(
            told[run["id"]] == self.upstream.get(f"/threads/{run['thread_id']}/runs/{run['id']}")["status"]
            for run in self.all
        )


def check(writes: Writes, counts: list[int]) -> None:
    eventually(writes.is_settled, seconds=30, every_s=0.2)
    eventually(writes.agree, seconds=30, every_s=0.2)
    ends = [writes.results(run)[0][1][-1] for run in writes.all[:4]]
    assert ends == ["settled_done", "settled_not_done", "settled_done", "settled_not_done"]
    for run in writes.all:
        told = writes.results(run)
        assert len(told) <= 1
        assert all([one != "unclear" for one in results].count(True) == 1 for _, results in told)
    assert max(counts) <= 1


def test_a_killed_dashboard_and_worker_leave_all_in_agreement(site: Site):
    writes = Writes(site)
    writes.begin()

    site.children[-1].kill()
    kill_whole(site.children[0])
    site.upstream.clear_faults()
    site.serve()
    site.start_worker()

    check(writes, [writes.count(run) for run in writes.all])
    assert [writes.count(run) for run in writes.bulk] == [1, 1, 1]


def test_a_killed_upstream_leaves_all_in_agreement(site: Site):
    writes = Writes(site)
    writes.begin()
    before = [writes.count(run) for run in writes.all]

    site.upstream.kill()
    site.upstream.start()

    check(writes, [one + writes.count(run) for one, run in zip(before, writes.all, strict=True)])
