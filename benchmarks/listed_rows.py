"""Rows of an index as run lists read them, without bodies and steps: a million in a few minutes. Seeded.

`DATABASE_URL=… python -m benchmarks.listed_rows N` fills an empty, migrated database. Shares are those of
`benchmarks.generate`, so both give comparable lists.
"""

import json
import random
import sys
import time
from datetime import UTC, datetime

import django

from benchmarks.generate import (
    ASSISTANTS,
    COMMON_PAIR,
    COMMON_SHARE,
    COMMON_WORD,
    COMMON_WORD_SHARE,
    DAYS,
    ENDS,
    ERRORS,
    MODELS,
    RARE_PAIR,
    RARE_SHARE,
    RARE_WORD,
    RARE_WORD_SHARE,
    TENANTS,
)
from benchmarks.shapes import FUNCTIONS

BATCH = 5_000
RUNS_A_THREAD = 5
WORDS_A_RUN = 60
VOCABULARY = 20_000


def fill(count: int, *, seed: int = 1) -> None:
    from django.db import connection, transaction

    from runsdash.index.models import (
        Assistant,
        Connection,
        Run,
        RunMetadata,
        RunText,
        RunTool,
        Thread,
    )
    from runsdash.index.storage.sql_writes import insert_rows

    upstream = Connection.objects.create(slug="bench", name="bench", base_url="http://127.0.0.1:9/v1")
    now = datetime.now(UTC)
    for number, one in enumerate(ASSISTANTS):
        Assistant.objects.create(connection=upstream, upstream_id=one, name=f"Assistant {number}", fetched_at=now)
    made = Made(upstream.pk, count, seed, zone="" if connection.vendor == "sqlite" else "+00")
    for start in range(0, count, BATCH):
        runs = [made.run(number) for number in range(start, min(count, start + BATCH))]
        with transaction.atomic():
            threads = [
                (thread, upstream.pk, f"thread_{thread:024x}", now) for thread in sorted({run[2] for run in runs})
            ]
            known = set(Thread.objects.filter(pk__in=[one[0] for one in threads]).values_list("pk", flat=True))
            fresh = [one for one in threads if one[0] not in known]
            Thread.objects.bulk_create(
                [Thread(id=pk, connection_id=link, upstream_id=name, last_run_at=at) for pk, link, name, at in fresh]
            )
            insert_rows(Run, RUN_NAMES, runs)
            pairs = [(pk, key, value) for pk, *_, metadata in runs for key, value in json.loads(metadata).items()]
            insert_rows(RunMetadata, ("run_id", "key", "value"), pairs)
            insert_rows(RunTool, ("run_id", "name"), [(run[0], name) for run in runs for name in made.tools(run[0])])
            insert_rows(RunText, ("run_id", "words", "is_cut"), [(run[0], made.words(), made.no) for run in runs])
        if start // BATCH % 20 == 0:
            print(f"{start + BATCH:,} runs", file=sys.stderr, flush=True)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE")


RUN_NAMES = (
    "id", "connection_id", "thread_id", "upstream_id", "assistant_id", "model", "status", "created_at", "started_at",
    "ended_at", "queue_s", "duration_s", "prompt_tokens", "completion_tokens", "total_tokens", "cost", "error_code",
    "step_count", "tool_call_count", "has_all_steps", "fetched_at", "metadata",
)  # fmt: skip


class Made:
    """Makes one run after the other, oldest first."""

    def __init__(self, connection_id: int, count: int, seed: int, *, zone: str) -> None:
        self.dice, self.connection_id, self.count, self.zone = random.Random(seed), connection_id, count, zone
        self.began_s = int(time.time()) - DAYS * 86400
        self.statuses = [status for status, weight in ENDS.items() for _ in range(weight)]
        self.vocabulary = [f"{self.dice.choice('bcdfgklmnprst')}{number:x}" for number in range(VOCABULARY)]
        self.no, self.yes = (False, True)

    def moment(self, second: int) -> str:
        return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M:%S}{self.zone}"

    def run(self, number: int) -> tuple:
        dice = self.dice
        created_s = self.began_s + int(number * DAYS * 86400 / self.count)
        key = created_s << 30 | number & (1 << 30) - 1
        status = dice.choice(self.statuses)
        assistant = min(int(dice.expovariate(0.15)), len(ASSISTANTS) - 1)
        queue_s, duration_s = int(dice.expovariate(0.5)), int(dice.lognormvariate(3, 1))
        prompt, completion = int(dice.lognormvariate(8, 1)), int(dice.lognormvariate(5, 1))
        steps = dice.randrange(2, 12)
        metadata = {"tenant": f"tenant-{dice.randrange(TENANTS)}", "ticket": f"T-{number}"}
        if dice.random() < COMMON_SHARE:
            metadata[COMMON_PAIR[0]] = COMMON_PAIR[1]
        if dice.random() < RARE_SHARE:
            metadata[RARE_PAIR[0]] = RARE_PAIR[1]
        return (
            key, self.connection_id, self.began_s * (1 << 20) + number // RUNS_A_THREAD, f"run_{number:024x}",
            ASSISTANTS[assistant], MODELS[assistant % len(MODELS)], status, self.moment(created_s),
            self.moment(created_s + queue_s), self.moment(created_s + queue_s + duration_s), queue_s, duration_s,
            prompt, completion, prompt + completion, round((prompt * 2.5 + completion * 10) / 1e6, 6),
            dice.choice(ERRORS) if status == "failed" else "", steps, steps // 2, self.yes,
            self.moment(created_s + 3600), json.dumps(metadata),
        )  # fmt: skip

    def tools(self, key: int) -> list[str]:
        return [FUNCTIONS[key % len(FUNCTIONS)], FUNCTIONS[(key + 1) % len(FUNCTIONS)]][: 1 + key % 2]

    def words(self) -> str:
        dice = self.dice
        size = len(self.vocabulary)
        words = [self.vocabulary[int(size * dice.random() ** 3)] for _ in range(WORDS_A_RUN)]
        if dice.random() < COMMON_WORD_SHARE:
            words[10] = COMMON_WORD
        if dice.random() < RARE_WORD_SHARE:
            words[20] = RARE_WORD
        return " ".join(words)


if __name__ == "__main__":
    django.setup()
    fill(int(sys.argv[1]))
