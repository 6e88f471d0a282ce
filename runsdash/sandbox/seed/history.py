"""Writes a believable past of N runs at first start, and a few runs that are waiting right now.

Deterministic by seed, relative to the present, in bulk. It writes objects as the API would show them;
it never goes through the engine.
"""

import random
import string
from collections.abc import Iterator

from runsdash.sandbox.ids import now_s
from runsdash.sandbox.state import Sandbox

from . import waiting
from .episode import Episode
from .stories import STORIES, TEAMS

DAYS = 30
RUNS_A_THREAD = 12
BATCH = 2000
# How runs ended, in percent. Most complete; every other end is there often enough to be found.
ENDS = {"completed": 78, "failed": 8, "expired": 5, "cancelled": 5, "incomplete": 4}
SEEDED = "seeded_runs"


def write(sandbox: Sandbox, *, runs: int, seed: int) -> None:
    """Once for a database; later starts only see to it that some runs are waiting."""
    if sandbox.store.setting(SEEDED) is None:
        write_past(sandbox, runs=runs, chance=random.Random(seed))
    waiting.top_up(sandbox)


def write_past(sandbox: Sandbox, *, runs: int, chance: random.Random) -> None:
    rows: list[tuple] = []
    with sandbox.store.change() as change:
        for thread_rows, files in threads(runs, chance):
            rows += thread_rows
            for body, content in files:
                change.insert_file(body, content)
            if len(rows) >= BATCH:
                change.insert_many(rows)
                rows = []
        change.insert_many(rows)
        change.set_setting(SEEDED, str(runs))


def threads(runs: int, chance: random.Random) -> Iterator[tuple[list[tuple], list[tuple]]]:
    """Rows and files of each thread, oldest thread first."""
    count = max(1, round(runs / RUNS_A_THREAD)) if runs else 0
    now, span_s = now_s(), DAYS * 86_400
    shares = split(runs, count, chance)
    for at, share in enumerate(shares):
        start = now - span_s + int(span_s * 0.97 * at / max(count, 1))
        yield one_thread(share, chance, start=start, until=now - 900)


def split(runs: int, count: int, chance: random.Random) -> list[int]:
    """`runs` over `count` threads: some short, some long, none empty."""
    shares = [1] * count
    for _ in range(runs - count):
        shares[min(chance.randrange(count), chance.randrange(count))] += 1
    chance.shuffle(shares)
    return shares


def one_thread(share: int, chance: random.Random, *, start: int, until: int) -> tuple[list, list]:
    """A conversation of `share` runs that begins at `start` and is over before `until` (Unix seconds)."""
    thread_id = new_id(chance, "thread_")
    team = chance.choice(TEAMS)
    thread = {
        "id": thread_id,
        "object": "thread",
        "created_at": start,
        "metadata": {"team": team, "customer": f"C-{chance.randrange(1000, 9999)}"},
        "tool_resources": {},
    }
    episode = Episode(chance=chance, thread=thread)
    episode.keep("thread", thread, parent="")
    pause_s = max(1, (until - start) // (share + 1))
    at = start
    for _ in range(share):
        at = min(at + chance.randrange(1, max(2, min(pause_s, 40_000))), until)
        story = chance.choice(STORIES)
        (end,) = chance.choices(list(ENDS), weights=list(ENDS.values()))
        at = episode.run(story, end=end, at=max(at, episode.now))
    return episode.rows, episode.files


def new_id(chance: random.Random, prefix: str) -> str:
    return prefix + "".join(chance.choices(string.ascii_letters + string.digits, k=24))
