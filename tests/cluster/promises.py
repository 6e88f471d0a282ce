"""What has to be true when everything has settled, whatever was killed: nothing twice, nothing lost, nothing stuck.

The upstream's own file says what it did, the trail and the index what RunsDash says of it.
"""

import json
import sqlite3
import subprocess
import time
from collections import Counter
from contextlib import closing

from tests.cluster.chaos_work import MARK, Post, Round
from tests.cluster.several import Several
from tests.notify.receiver import Receiver

SETTLE_S = 240  # a change inside RunsDash without an outcome is given two minutes
IMPORTED_RUNS = 200  # of each file
NOT_FOUND_AGAIN = "('create_thread', 'create_thread_and_run')"  # a thread whose answer is lost has no name to ask for
STUCK = {
    "writes without a clear outcome": "SELECT count(*) FROM audit_auditentry i WHERE i.kind = 'intent' AND i.action NOT IN "
    f"{NOT_FOUND_AGAIN} AND NOT EXISTS (SELECT 1 FROM audit_auditentry o WHERE o.intent_id = i.id AND o.result <> 'unclear')",
    "jobs": "SELECT count(*) FROM index_job WHERE state IN ('waiting', 'running')",
    "items of batches": "SELECT count(*) FROM bulk_bulkitem WHERE state IN ('waiting', 'doing', 'unclear')",
    "batches": "SELECT count(*) FROM bulk_bulkjob WHERE ended_at IS NULL",
    "deliveries": "SELECT count(*) FROM notify_delivery WHERE state = 'due'",
}
RESULTS = """
SELECT o.result FROM audit_auditentry i LEFT JOIN audit_auditentry o ON o.intent_id = i.id
WHERE i.kind = 'intent' AND i.token = %s ORDER BY o.id
"""
DONE, NOT_DONE = {"done", "settled_done"}, {"refused", "failed", "settled_not_done"}
COUNTED = "SELECT count(*), count(DISTINCT upstream_id) FROM {} WHERE connection_id = (SELECT id FROM index_connection WHERE slug = %s)"
ITEMS = """
SELECT r.upstream_id, i.state FROM bulk_bulkitem i JOIN index_run r ON r.id = i.run_id JOIN bulk_bulkjob j ON j.id = i.job_id
WHERE j.token = %s
"""


class Promises:
    """Looks at everything once it has settled; `broken` are sentences, `sums` what there was of each kind."""

    def __init__(self, several: Several, rounds: list[Round], *, sent: Counter, receiver: Receiver, kills: int) -> None:
        self.several, self.rounds, self.sent, self.receiver, self.kills = several, rounds, sent, receiver, kills
        self.broken: list[str] = []
        self.sums: Counter[str] = Counter()

    def check(self) -> None:
        self.nothing_is_stuck()
        self.runs = self.truth()
        for one in self.rounds:
            for post in one.posts:
                getattr(self, f"check_{post.action}", self.check_write)(one, post)
            self.check_delivery(one)
        self.check_index()
        self.check_imports()
        self.check_sent_once()
        self.check_trail()

    def say(self, is_kept: bool, sentence: str) -> None:
        if not is_kept:
            self.broken.append(sentence)

    def nothing_is_stuck(self) -> None:
        deadline = time.monotonic() + SETTLE_S
        while left := {name: count for name, sql in STUCK.items() if (count := self.several.rows(sql)[0][0])}:
            if time.monotonic() > deadline:
                self.broken += [f"stuck: {count} {name}" for name, count in left.items()]
                return
            time.sleep(0.5)

    def truth(self) -> dict[str, dict]:
        """Every run that the upstream has, by its id."""
        path = f"{self.several.upstream.directory.name}/sandbox.sqlite3"
        with closing(sqlite3.connect(path, timeout=20)) as file:
            bodies = [json.loads(body) for (body,) in file.execute("SELECT body FROM object WHERE kind = 'run'")]
        return {one["id"]: one for one in bodies}

    # Writes that the upstream carries out

    def times_done(self, one: Round, post: Post) -> int:
        run = self.runs.get(post.run.get("id", ""), {})
        if post.action == "cancel_run":
            return int(run["status"] in ("cancelling", "cancelled"))
        if post.action == "modify_run":
            return int(run["metadata"].get(MARK) == one.name)
        if post.action == "submit_tool_outputs":
            return int(run["status"] != "requires_action")
        made = [made for made in self.runs.values() if made["metadata"].get(MARK) == one.name]
        of_round = {each["thread_id"] for each in one.runs.values()}
        if post.action == "create_run":
            return sum(made["thread_id"] == run["thread_id"] for made in made)
        return sum(made["thread_id"] not in of_round for made in made)

    def check_write(self, one: Round, post: Post) -> None:
        times, told = self.times_done(one, post), [result for (result,) in self.several.rows(RESULTS, post.token)]
        last = told[-1] if told else "no intent"
        self.sums[f"{post.action}: {last or 'no outcome'}"] += 1
        self.sums[f"{post.action}: carried out"] += times
        where = f"{post.token} (answered {post.status}, trail {told})"
        self.say(times <= 1, f"twice: {where}: the upstream did it {times} times")
        self.say(times == 1 or not post.is_done, f"lost: {where}: it was confirmed and is not there")
        self.say(times == 1 or last not in DONE, f"wrong: {where}: it was not done")
        self.say(times == 0 or last not in {*NOT_DONE, "no intent"}, f"wrong: {where}: it was done")
        self.say(last in {*DONE, *NOT_DONE, "no intent"}, f"open: {where}")

    def check_sent_once(self) -> None:
        for what, count in self.sent.items():
            self.say(count <= 1, f"twice: {what} was sent {count} times")
        self.sums["writes that the upstream received"] = self.sent.total()

    # Work of the workers

    def check_bulk(self, one: Round, post: Post) -> None:
        items = dict(self.several.rows(ITEMS, post.token))
        self.say(bool(items) or not post.is_done, f"lost: the batch {post.token}")
        for run in one.bulk:
            is_cancelled = self.runs[run["id"]]["status"] in ("cancelling", "cancelled")
            state = items.get(run["id"], "no item")
            self.sums[f"batch: {state}"] += 1
            self.say(
                (state == "done") == is_cancelled, f"wrong: {post.token}: {run['id']} is {state}, upstream otherwise"
            )

    def check_export(self, one: Round, post: Post) -> None:
        found = self.several.rows("SELECT file_name FROM bulk_bulkjob WHERE token = %s", post.token)
        self.say(bool(found) or not post.is_done, f"lost: the export {post.token}")
        for (name,) in found:
            lines = [json.loads(line) for line in (self.several.files / name).read_text().splitlines()] if name else []
            ids = Counter(line["id"] for line in lines if line["object"] == "thread.run")
            self.sums["exports"] += 1
            self.say(ids == Counter(run["id"] for run in one.bulk), f"lost: {post.token} has {dict(ids)}")

    def check_upload(self, one: Round, post: Post) -> None:
        found = self.several.rows("SELECT count(*) FROM index_thread WHERE upstream_id = %s", one.lone_thread)[0][0]
        self.sums["uploads"] += found
        self.say(found == 1 or not post.is_done, f"lost: the thread of {post.token}")

    def check_ingest(self, one: Round, post: Post) -> None:
        found = self.several.rows("SELECT count(*) FROM index_run WHERE upstream_id = %s", one.sent["id"])[0][0]
        self.sums["runs sent in"] += found
        self.say(found == 1, f"lost: {found} of {post.token}, answered {post.status}")

    def check_note(self, one: Round, post: Post) -> None:
        found = self.several.rows("SELECT count(*) FROM index_note WHERE text = %s", one.name)[0][0]
        self.sums["notes"] += found
        self.say(found <= 1, f"twice: {post.token}")
        self.say(found == 1 or not post.is_done, f"lost: {post.token}, answered {post.status}")

    def check_delivery(self, one: Round) -> None:
        """An answer that never came may have been a success: then the same delivery comes once more, and no other."""
        run_id = one.runs["submit_tool_outputs"]["id"]
        bodies = [json.loads(body) for _, body in self.receiver.got]
        got = [body["delivery"] for body in bodies if body.get("run_id") == run_id]
        self.sums["deliveries"] += len(set(got))
        self.sums["deliveries that came again"] += len(got) - len(set(got))
        self.say(len(set(got)) == 1, f"{'lost' if not got else 'twice'}: {len(set(got))} deliveries of {run_id}")

    # All of it

    def check_index(self) -> None:
        deadline = time.monotonic() + SETTLE_S
        statuses = "SELECT r.upstream_id, r.status FROM index_run r JOIN index_connection c ON c.id = r.connection_id WHERE c.slug = 'default'"
        while True:
            known = dict(self.several.rows(statuses))
            truth = {key: run["status"] for key, run in self.truth().items() if key in known}
            other = {key for key, status in truth.items() if known[key] != status}
            if not other or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        self.sums["runs in the index"] = len(known)
        self.say(not other, f"wrong: index and upstream differ on {sorted(other)[:5]}")
        asked = {run["id"] for one in self.rounds for run in [*one.runs.values(), *one.bulk]}
        self.say(asked <= set(known), f"lost: {len(asked - set(known))} runs are not in the index")

    def check_imports(self) -> None:
        wanted = len(self.rounds) * IMPORTED_RUNS
        for table in ("index_run", "index_runstep"):
            found = self.several.rows(COUNTED.format(table), "old")[0]
            self.say(found == (wanted, wanted), f"imports: {wanted} in {table} wanted, found {found}")
        self.sums["imported runs"] = wanted
        failed = self.several.rows("SELECT id, error FROM index_job WHERE state = 'failed'")
        self.say(not failed, f"lost: jobs failed: {failed[:5]}")
        lost = sum(not post.is_done for one in self.rounds for post in one.posts if post.action == "upload")
        left = list(self.several.files.glob("upload-*"))
        self.say(len(left) <= lost, f"stuck: {len(left)} uploads lie about, of {lost} that were cut off")
        self.say(not list(self.several.files.glob("*.part")), "stuck: a part of an export lies about")

    def check_trail(self) -> None:
        repeats = self.sums["deliveries that came again"]
        self.say(repeats <= self.kills, f"twice: {repeats} deliveries came again at {self.kills} kills")
        try:
            print(self.several.run("manage.py", "verify_audit").strip())
        except subprocess.CalledProcessError as error:
            self.broken.append(f"the audit trail is broken: {error.stdout}")
