"""`make chaos`: SIGKILL to web server, worker, upstream and database while everything is under way, round after round.

Prints what was killed in each round, then sums. Ends with 1 when a promise is broken, and says the seed that draws the
same kills again. `CHAOS_ROUNDS` (200) are half on PostgreSQL, half on SQLite, whose file is never killed; `CHAOS_MINUTES`
(40) end it earlier; `CHAOS_SEED` repeats one.
"""

import json
import os
import secrets
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random

from tests.browser.paths import TOOL
from tests.cluster.chaos_work import Dashboard, Round, begin, send_in_again, write_runs
from tests.cluster.promises import IMPORTED_RUNS, Promises
from tests.cluster.several import START_S, Child, Several, eventually
from tests.free_ports import gunicorn
from tests.notify.receiver import Receiver
from tests.postgres import Postgres, missing
from tests.upstream import Sandbox

TIMEOUT_S = 2
FIRST_S = 1.2  # at most so long after the first write something is killed
DOWN_S = 0.5  # and is gone for so long
SURE = {"synchronous_commit": "on"}  # what PostgreSQL has confirmed outlives it
SETUP = """
import json
from runsdash.accounts.models import User
from runsdash.accounts.tokens import new_token
from runsdash.actions.notifications import save_rule
from runsdash.index.models import Connection, Job
from runsdash.notify.models import Rule
from runsdash.sync.jobs.jobs import add_job
old = Connection.objects.create(slug="old", name="old", base_url="http://127.0.0.1:9/v1", is_enabled=False)
Connection.objects.create(slug="sent", name="sent", base_url="", is_enabled=False)
rule = Rule(name="Waiting", event="needs_action", assistant_id={assistant!r}, webhook_url={url!r})
save_rule(actor=User.objects.get(role="operator"), rule=rule)
token, secret = new_token(name="chaos", scopes=["ingest"], user=None, days=None)
token.save()
jobs = [add_job("import_runs", connection=old, created_by="olga", file_name=f"past-{{n}}.jsonl").pk for n in range({rounds})]
Job.objects.update(state="cancelled")
print(json.dumps([secret, jobs]))
"""


@dataclass
class Chaos:
    """Everything that runs, and what was done so far. `sent` counts the writes that the upstream received."""

    several: Several
    receiver: Receiver
    random: Random
    stack: ExitStack
    sent: Counter = field(default_factory=Counter)
    read_to: float = 0.0
    rounds: list[Round] = field(default_factory=list)
    killed: Counter = field(default_factory=Counter)

    def start(self, rounds: int) -> None:
        for number in range(rounds):
            write_runs(self.several.files / f"past-{number}.jsonl", IMPORTED_RUNS, mark=str(number))
        self.assistant_id = self.several.upstream.post(
            "/assistants", {"model": "gpt-4o", "name": "Chaos", "tools": [TOOL]}
        )["id"]
        setup = SETUP.format(assistant=self.assistant_id, url=self.receiver.url, rounds=rounds)
        secret, self.jobs = json.loads(self.several.django(setup))
        port, self.web_command, self.socket = self.stack.enter_context(gunicorn(workers=2))
        self.web, self.worker = self.start_web(), self.several.start_worker()
        self.dashboard = Dashboard(self.several, f"http://127.0.0.1:{port}", secret)
        eventually(lambda: self.dashboard.ask("/readyz") == 200, seconds=START_S)

    def start_web(self) -> Child:
        return self.several.start("web", self.web_command, pass_fds=(self.socket,))

    def one_round(self, number: int) -> None:
        began = time.monotonic()
        self.several.upstream.clear_faults()
        one = Round(number)
        begin(one, self.dashboard, assistant_id=self.assistant_id, job=self.jobs[number], random=self.random)
        self.rounds.append(one)
        after_s = self.random.uniform(0, FIRST_S)
        time.sleep(after_s)
        victims = self.victims()
        for name in victims:
            getattr(self, f"kill_{name}")()
        time.sleep(self.random.uniform(0, DOWN_S))
        for name in victims:
            getattr(self, f"raise_{name}")()
        self.killed.update(victims)
        one.wait()
        answered = sum(post.status is not None for post in one.posts)
        confirmed = sum(post.is_done for post in one.posts)
        print(
            f"round {number + 1}: {' and '.join(victims)} killed after {after_s:.2f} s; of {len(one.posts)} writes "
            f"{answered} were answered, {confirmed} confirmed; {time.monotonic() - began:.0f} s",
            flush=True,
        )

    def victims(self) -> list[str]:
        names = ["web", "worker", "upstream", *(["database"] if self.several.postgres else [])]
        return self.random.sample(names, self.random.choice((1, 1, 1, 2, len(names))))

    def kill_web(self) -> None:
        self.web.kill()

    def raise_web(self) -> None:
        self.web = self.start_web()

    def kill_worker(self) -> None:
        self.worker.kill()

    def raise_worker(self) -> None:
        self.worker = self.several.start_worker()

    def kill_upstream(self) -> None:
        self.count_sent()  # the log is in its memory
        self.several.upstream.kill()

    def raise_upstream(self) -> None:
        self.several.upstream.start()

    def kill_database(self) -> None:
        self.several.postgres.kill()

    def raise_database(self) -> None:
        self.several.postgres.serve()

    def count_sent(self) -> None:
        """Adds what the upstream has logged since the last look. What makes threads has no name of its own there."""
        upstream = self.several.upstream
        log = upstream.requests(method="POST", path="/runs")
        upstream.clear_requests()
        ours = {run["id"]: one.name for one in self.rounds for run in [*one.runs.values(), *one.bulk]}
        ours |= {run["thread_id"]: one.name for one in self.rounds for run in one.runs.values()}
        for path in (entry["path"].partition("?")[0] for entry in log):
            if any(part in ours for part in path.split("/")):
                self.sent[path] += 1

    def check(self) -> Promises:
        self.several.upstream.clear_faults()
        eventually(lambda: self.dashboard.ask("/readyz") == 200, seconds=START_S)
        send_in_again(self.rounds, self.dashboard)
        kills = self.killed["worker"] + self.killed["database"]
        promises = Promises(self.several, self.rounds, sent=self.sent, receiver=self.receiver, kills=kills)
        promises.nothing_is_stuck()
        self.count_sent()
        promises.check()
        return promises


def chaos(engine: str, rounds: int, *, seed: str, until: float) -> list[str]:
    """Runs the rounds on one engine; returns what promises were broken."""
    random = Random(f"{seed} {engine}")
    postgres = Postgres(**SURE) if engine == "PostgreSQL" else None
    with Receiver() as receiver, Sandbox("--expires-s", "7200") as upstream, ExitStack() as stack:
        given = {"RUNSDASH_API_TIMEOUT_S": str(TIMEOUT_S), "RUNSDASH_API_BUDGET_PER_MIN": "6000"}
        given |= {"WEBHOOK_ALLOW_PRIVATE": "on", "RUNSDASH_INGEST_PER_MIN": "6000", "LOG_LEVEL": "WARNING"}
        several = stack.enter_context(Several(upstream, postgres=postgres, on_file=postgres is None, **given))
        run = Chaos(several, receiver, random, stack)
        run.start(rounds)
        print(f"{engine}: up to {rounds} rounds", flush=True)
        for number in range(rounds):
            if time.monotonic() > until:
                print(f"The time is over after {number} rounds.")
                break
            run.one_round(number)
        promises = run.check()
    print(f"killed: {', '.join(f'{name} {count} times' for name, count in sorted(run.killed.items()))}")
    for name, count in sorted(promises.sums.items()):
        print(f"{count:7,}  {name}")
    for sentence in promises.broken:
        print(f"BROKEN ({engine}): {sentence}")
    return promises.broken


def main() -> int:
    rounds, minutes = int(os.environ.get("CHAOS_ROUNDS", "200")), float(os.environ.get("CHAOS_MINUTES", "40"))
    seed = os.environ.get("CHAOS_SEED") or secrets.token_hex(4)
    began, broken = time.monotonic(), []
    engines = {"PostgreSQL": (rounds + 1) // 2, "SQLite": rounds // 2}
    if missing():
        print(f"Not on PostgreSQL: {missing()}")
        engines = {"SQLite": rounds}
    print(f"CHAOS_SEED={seed}")
    for place, (engine, share) in enumerate(engines.items(), start=1):
        if share:
            broken += chaos(engine, share, seed=seed, until=began + 60 * minutes * place / len(engines))
    print(
        f"{len(broken)} promises broken; CHAOS_SEED={seed} CHAOS_ROUNDS={rounds} draws the same kills again."
        if broken
        else "Nothing twice, nothing lost, nothing stuck."
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
