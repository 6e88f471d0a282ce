"""What is under way when something is killed: in each round one of every kind of write, import, export and delivery.

A `Round` remembers what it asked for and what it was told; `promises.py` compares that with what is there in the end.
"""

import contextlib
import json
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.cluster.several import COOKIE, Several, eventually
from tests.hostile_rows import run_object
from tests.upstream import Sandbox

CSRF = "a" * 32
ANSWER_S = 20
FAULTS = (None, None, None, "drip", "hang", "reset_before", "reset_after", "500")
FILLER = b"No id stands in this line.\n" * 4000  # so that the file is left to a worker
MARK = "chaos"
RUN_KEYS = "SELECT id FROM index_run WHERE upstream_id = %s"
OPEN_JOB = "UPDATE index_job SET state = 'waiting' WHERE id = %s RETURNING id"


@dataclass
class Post:
    """One write of a person. `status` is None when no answer came."""

    action: str
    token: str
    run: dict
    status: int | None = None

    @property
    def is_done(self) -> bool:
        return self.status is not None and self.status < 400


@dataclass
class Round:
    """`bulk`: runs of a batch; `lone_thread`: one that only its import names; `sent`: the run that is sent in."""

    number: int
    runs: dict[str, dict] = field(default_factory=dict)
    bulk: list[dict] = field(default_factory=list)
    lone_thread: str = ""
    posts: list[Post] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{MARK}-{self.number}"

    @property
    def sent(self) -> dict:
        return run_object(self.name, [self.name], waits=False)

    def wait(self) -> None:
        for one in self.threads:
            one.join(timeout=3 * ANSWER_S)
            assert not one.is_alive(), "a request never ended"


class Dashboard:
    """Whoever uses RunsDash: asks as an operator, and as a program with a token."""

    def __init__(self, several: Several, url: str, secret: str, *, answer_s: float = ANSWER_S) -> None:
        self.several, self.url, self.secret, self.answer_s = several, url, secret, answer_s
        self.cookies = f"{COOKIE}={several.sessions['operator']}; runsdash_csrf={CSRF}"

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> int | None:
        """The status of the first answer, without what it leads to; None without one."""
        headers = {"Cookie": self.cookies, "Referer": self.url, "X-CSRFToken": CSRF} | headers
        request = urllib.request.Request(self.url + path, data=body, headers=headers)
        try:
            with urllib.request.build_opener(Stay).open(request, timeout=self.answer_s) as answer:
                answer.read()
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except (OSError, ValueError):
            return None

    def post(self, path: str, typed: dict[str, object]) -> int | None:
        return self.ask(path, urllib.parse.urlencode(typed, True).encode())

    def upload(self, path: str, content: bytes) -> int | None:
        head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="ids.txt"\r\n\r\n'
        kind = "multipart/form-data; boundary=b"
        return self.ask(path, head + content + b"\r\n--b--\r\n", **{"Content-Type": kind})

    def send_in(self, run: dict) -> int | None:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.secret}"}
        return self.ask("/ingest/sent/", json.dumps(run).encode(), **headers)


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def path_of(run: dict, more: str = "") -> str:
    return f"/threads/{run['thread_id']}/runs/{run['id']}/{more}"


def begin(round: Round, dashboard: Dashboard, *, assistant_id: str, job: int, random: Random) -> None:
    """Makes the round's runs, lets the dashboard see them, and starts everything at once."""
    upstream = dashboard.several.upstream
    make_runs(round, upstream, assistant_id)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda run: be_seen(run, dashboard), [*round.runs.values(), *round.bulk]))
    set_faults(round, upstream, random)
    dashboard.several.rows(OPEN_JOB, job)
    for action, typed, send in deeds(round, dashboard):
        post = Post(action, f"{round.name}-{action}", round.runs.get(action, {}))
        round.posts.append(post)
        round.threads.append(threading.Thread(target=do, args=(post, send, typed), daemon=True))
    for thread in round.threads:
        thread.start()


def be_seen(run: dict, dashboard: Dashboard) -> None:
    """What was killed in the round before may not be back yet."""
    eventually(lambda: dashboard.ask(path_of(run)) == 200, seconds=60, every_s=0.2)


def do(post: Post, send: Callable[..., int | None], typed: dict[str, object]) -> None:
    post.status = send({"token": post.token, **typed})


def make_runs(round: Round, upstream: Sandbox, assistant_id: str) -> None:
    for action in ("submit_tool_outputs", "cancel_run", "modify_run"):
        which = {"assistant_id": assistant_id} if action == "submit_tool_outputs" else {}
        round.runs[action] = upstream.wait(upstream.run("/tool", **which), "requires_action")
    round.runs["create_run"] = round.runs["note"] = upstream.wait(upstream.run("Begin."))
    round.bulk = [upstream.wait(upstream.run("/tool"), "requires_action") for _ in range(2)]
    round.lone_thread = upstream.run("Nobody looks.")["thread_id"]


def set_faults(round: Round, upstream: Sandbox, random: Random) -> None:
    """Some of the writes are slow, cut off, or fail: then nobody was told what came of them."""
    ends = {"submit_tool_outputs": "submit_tool_outputs", "cancel_run": "cancel", "modify_run": ""}
    for action, end in ends.items():
        if fault := random.choice(FAULTS):
            upstream.fault(f"POST {round.runs[action]['id']}{'/' if end else ''}{end}$", fault, times=None)
    if fault := random.choice(FAULTS):
        upstream.fault(f"POST {round.runs['create_run']['thread_id']}/runs$", fault, times=None)
    if fault := random.choice(FAULTS):
        upstream.fault(f"POST {round.bulk[0]['id']}/cancel$", fault, times=None)


def deeds(round: Round, dashboard: Dashboard) -> list[tuple[str, dict[str, object], Callable[..., int | None]]]:
    """What is posted: the action, the fields beside the token, and how."""

    def to(path: str) -> Callable[[dict[str, object]], int | None]:
        return lambda typed: dashboard.post(path, typed)

    runs, keys = round.runs, [dashboard.several.rows(RUN_KEYS, run["id"])[0][0] for run in round.bulk]
    (call,) = runs["submit_tool_outputs"]["required_action"]["submit_tool_outputs"]["tool_calls"]
    metadata = {"metadata-0-key": MARK, "metadata-0-value": round.name}
    new_run = {"assistant_id_typed": "asst_sandbox_dispatch", "stream": "false", **metadata}
    add = "/threads/add/?connection=default"
    return [
        (
            "submit_tool_outputs",
            {f"output-{call['id']}": json.dumps({"left": round.number})},
            to(path_of(runs["submit_tool_outputs"], "tool-outputs/")),
        ),
        ("cancel_run", {}, to(path_of(runs["cancel_run"], "cancel/"))),
        ("modify_run", metadata, to(path_of(runs["modify_run"], "metadata/"))),
        ("create_run", new_run, to(f"/threads/{runs['create_run']['thread_id']}/runs/new/")),
        ("create_thread", new_run | {"thread-message_text": round.name}, to("/runs/new/")),
        ("note", {"text": round.name}, to(path_of(runs["note"], "notes/"))),
        ("bulk", {"run": keys, "operation": "cancel"}, to("/bulk/new/")),
        ("export", {"run": keys, "operation": "export"}, to("/bulk/new/")),
        ("upload", {}, lambda _: dashboard.upload(add, FILLER + round.lone_thread.encode())),
        ("ingest", {}, lambda _: dashboard.send_in(round.sent)),
    ]


def send_in_again(rounds: list[Round], dashboard: Dashboard) -> None:
    """What a program does without an answer: it sends once more, until there is one."""
    for one in rounds:
        with contextlib.suppress(StopIteration):
            post = next(post for post in one.posts if post.action == "ingest" and post.status != 200)
            post.status = dashboard.send_in(one.sent)


def write_runs(path: Path, runs: int, *, mark: str = "") -> None:
    """A file to import: each run on a thread of its own, with one step; several pieces of an import."""
    with path.open("w") as file:
        for number in range(runs):
            run = run_object(f"of_file{mark}x{number}", ["Check every parcel of the evening van. " * 40], waits=False)
            thread = {"id": run["thread_id"], "object": "thread", "created_at": run["created_at"], "metadata": {}}
            step = {
                "id": f"step_{mark}_{number}", "object": "thread.run.step", "run_id": run["id"], "status": "completed",
                "thread_id": run["thread_id"], "assistant_id": run["assistant_id"], "type": "message_creation",
                "created_at": run["created_at"], "completed_at": run["created_at"] + 1, "usage": None,
                "step_details": {"type": "message_creation", "message_creation": {"message_id": f"msg_{number}"}},
            }  # fmt: skip
            file.writelines(json.dumps(one) + "\n" for one in (thread, run, step))
