"""Writes a believable past of N runs at first start, and a few runs that are waiting right now.

Deterministic by seed, relative to the present. It inserts objects as the API would show them, many at once, and never
goes through the engine.
"""

import random
from collections.abc import Iterator

from runsdash.sandbox.ids import mint, now_s
from runsdash.sandbox.state import Sandbox
from runsdash.sandbox.store import Row

from . import active_runs
from .past_thread import File, PastThread
from .stories import STORIES, TEAMS

DAYS = 30
RUNS_A_THREAD = 12
BATCH = 2000
# How runs ended, in percent. Most complete; every other end is there often enough to be found.
ENDS = {"completed": 78, "failed": 8, "expired": 5, "cancelled": 5, "incomplete": 4}
SEEDED = "seeded_runs"


def write(sandbox: Sandbox, *, runs: int, seed: int) -> None:
    """Writes the past once for a database; later starts only top up the waiting runs."""
    if sandbox.store.setting(SEEDED) is None:
        write_past(sandbox, runs=runs, rng=random.Random(seed))
    active_runs.top_up(sandbox)


def write_past(sandbox: Sandbox, *, runs: int, rng: random.Random) -> None:
    rows: list[Row] = []
    with sandbox.store.change() as change:
        for thread_rows, files in threads(runs, rng):
            rows += thread_rows
            for body, content in files:
                change.insert_file(body, content)
            if len(rows) >= BATCH:
                change.insert_many(rows)
                rows = []
        change.insert_many(rows)
        change.set_setting(SEEDED, str(runs))


def threads(runs: int, rng: random.Random) -> Iterator[tuple[list[Row], list[File]]]:
    """Makes the rows and files of each thread, oldest thread first."""
    count = max(1, round(runs / RUNS_A_THREAD)) if runs else 0
    now, span_s = now_s(), DAYS * 86_400
    shares = split(runs, count, rng)
    for at, share in enumerate(shares):
        start = now - span_s + int(span_s * 0.97 * at / max(count, 1))
        yield one_thread(share, rng, start=start, until=now - 900)


def split(runs: int, count: int, rng: random.Random) -> list[int]:
    """Splits `runs` over `count` threads: some short, some long, none empty."""
    shares = [1] * count
    for _ in range(runs - count):
        shares[min(rng.randrange(count), rng.randrange(count))] += 1
    rng.shuffle(shares)
    return shares


def one_thread(share: int, rng: random.Random, *, start: int, until: int) -> tuple[list[Row], list[File]]:
    """Makes a thread of `share` runs that begins at `start` and is over before `until` (Unix seconds)."""
    thread_id = mint(prefix="thread_", rng=rng)
    team = rng.choice(TEAMS)
    thread = {
        "id": thread_id,
        "object": "thread",
        "created_at": start,
        "metadata": {"team": team, "customer": f"C-{rng.randrange(1000, 9999)}"},
        "tool_resources": {},
    }
    past_thread = PastThread(rng=rng, thread=thread)
    past_thread.add_row("thread", thread, parent="")
    pause_s = max(1, (until - start) // (share + 1))
    at = start
    for _ in range(share):
        at = min(at + rng.randrange(1, max(2, min(pause_s, 40_000))), until)
        story = rng.choice(STORIES)
        (end,) = rng.choices(list(ENDS), weights=list(ENDS.values()))
        at = past_thread.add_run(story, end=end, at=max(at, past_thread.now))
    return past_thread.rows, past_thread.files
