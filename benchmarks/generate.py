"""A believable past of any size as JSONL: threads, runs, run steps and messages as the API gives them. Seeded, streamed.

`python -m benchmarks.generate --runs N --body-bytes B --seed S -o FILE`. The same seed and `until` give the same bytes.
Texts come out of pools made once, so that 20,000 runs take about a second. Facts that benchmarks rely on are constants.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from benchmarks.shapes import (
    MESSAGE,
    RUN,
    STEP,
    THREAD,
    tool_calls,
    tools,
    waiting_action,
)
from benchmarks.vocabulary import texts

DAYS = 30
ASSISTANTS = [f"asst_{number:024x}" for number in range(1, 41)]
MODELS = ("gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini", "o3-mini", "gpt-3.5-turbo")
COMMON_PAIR, COMMON_SHARE = ("env", "production"), 0.60
RARE_PAIR, RARE_SHARE = ("tier", "platinum"), 0.005
TENANTS = 200
COMMON_WORD, COMMON_WORD_SHARE = "invoice", 0.71
RARE_WORD, RARE_WORD_SHARE = "zeppelin", 0.001
STEPS = (2, 3, 4, 5, 5, 6, 6, 7, 8, 9, 11)  # 6 on average
RUNS_A_THREAD = (1, 1, 2, 3, 5, 8, 15)  # 5 on average
ENDS = {"completed": 900, "failed": 40, "expired": 25, "cancelled": 20, "incomplete": 15}
ERRORS = ("server_error", "rate_limit_exceeded", "invalid_prompt")
ACTIVE = ("in_progress", "queued", "requires_action")
NEWEST = 30  # runs at the end of the file, of which half are still active
POOL = 2_000
ENVELOPE_BYTES = 180  # of a body: the JSON around its text
SHORTEST_TEXT = 60
TURN_S = 90  # between two runs of a thread
ID_FACTOR, ID_MASK = 0x9E3779B97F4A7C15F39CC061, (1 << 96) - 1  # odd, so that no two numbers share an id


@dataclass
class Past:
    """What is asked for, and the pools that it is made of. `until`: the end of the month, unix seconds.

    `body_bytes`: mean size of what each object holds (its tool calls, content or instructions), without the fields
    that every object has.
    """

    runs: int
    body_bytes: int = 300
    seed: int = 1
    first: int = 0  # what ids are counted from: pasts that share none need numbers that share none
    until: int = field(default_factory=lambda: int(time.time()))

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        mean = max(SHORTEST_TEXT, self.body_bytes - ENVELOPE_BYTES)
        self.texts = [json.dumps(text)[1:-1] for text in texts(self.random, count=POOL, mean_bytes=mean)]
        self.calls = [tool_calls(self.random, self.random.choice(self.texts)) for _ in range(POOL)]
        self.heads = [self.assistant(number) for number in range(len(ASSISTANTS))]
        self.statuses = [status for status, weight in ENDS.items() for _ in range(weight)]

    def assistant(self, number: int) -> tuple[str, str, str, str]:
        """(id, model, instructions, tools): what all runs of an assistant share."""
        return ASSISTANTS[number], MODELS[number % len(MODELS)], self.random.choice(self.texts), tools(number)

    def threads(self) -> Iterator[str]:
        """The lines of one thread after the other, oldest first: its object, then per run its question, steps, answer."""
        made = 0
        while made < self.runs:
            count = min(self.random.choice(RUNS_A_THREAD), self.runs - made)
            yield self.thread(made, count)
            made += count

    def thread(self, first: int, count: int) -> str:
        span_s = DAYS * 86_400
        is_newest = first + count > self.runs - NEWEST
        start = self.until - (400 if is_newest else span_s - int(span_s * first / self.runs)) + 60
        start = min(start, self.until - 120 - count * TURN_S) if not is_newest else start - 60
        thread_id = f"thread_{self.id_of(first)}"
        lines = [THREAD % (thread_id, start)]
        for place in range(count):
            created = start + 1 + place * (2 if is_newest else TURN_S)
            lines.append(self.turn(first + place, thread_id, created, is_newest=is_newest))
        return "".join(lines)

    def turn(self, number: int, thread_id: str, created: int, *, is_newest: bool) -> str:
        """A question, the run that answers it, its steps and its answer."""
        pick = self.random.random
        run_id, head = f"run_{self.id_of(number)}", self.heads[int(len(self.heads) * pick() ** 2)]
        status = self.statuses[int(len(self.statuses) * pick())]
        if is_newest and pick() < 0.5:
            status = ACTIVE[number % len(ACTIVE)]
        count = 0 if status == "queued" else STEPS[int(len(STEPS) * pick())]
        steps = [
            self.step(number, place, run_id, thread_id, head[0], created, place == count - 1) for place in range(count)
        ]
        lines = [
            MESSAGE
            % (f"msg_{self.id_of(number)}q", created - 1, thread_id, "null", "null", "user", self.question(number)),
            self.run(number, run_id, thread_id, created, status, head, count),
            *steps,
        ]
        if count:
            answer = self.texts[int(POOL * pick())]
            ids = f'"{run_id}"', f'"{head[0]}"'
            lines.append(
                MESSAGE % (f"msg_{self.id_of(number)}a", created + 4 * count, thread_id, *ids, "assistant", answer)
            )
        return "".join(lines)

    def question(self, number: int) -> str:
        pick = self.random.random
        words = [self.texts[int(POOL * pick())], f"INV-2026-{number:07d}"]
        if pick() < COMMON_WORD_SHARE:
            words.append(COMMON_WORD)
        if pick() < RARE_WORD_SHARE:
            words.append(RARE_WORD)
        return " ".join(words)

    def run(self, number: int, run_id: str, thread_id: str, created: int, status: str, head: tuple, steps: int) -> str:
        pick = self.random.random
        assistant_id, model, instructions, tools_ = head
        started = "null" if status == "queued" else created + 1 + int(4 * pick() ** 3)
        ended = created + 4 * steps + int(120 * pick() ** 6)
        prompt, completion = 200 + int(9_000 * pick() ** 2), 20 + int(900 * pick() ** 2)
        usage = f'{{"prompt_tokens":{prompt},"completion_tokens":{completion},"total_tokens":{prompt + completion}}}'
        return RUN % {
            "id": run_id, "created_at": created, "assistant_id": assistant_id, "thread_id": thread_id, "status": status,
            "started_at": started, "model": model, "instructions": instructions, "tools": tools_,
            "expires_at": created + 600 if status in ACTIVE or status == "expired" else "null",
            "cancelled_at": ended if status == "cancelled" else "null",
            "failed_at": ended if status == "failed" else "null",
            "completed_at": ended if status in ("completed", "incomplete") else "null",
            "last_error": f'{{"code":"{ERRORS[number % 3]}","message":"It broke."}}' if status == "failed" else "null",
            "incomplete": '{"reason":"max_completion_tokens"}' if status == "incomplete" else "null",
            "required_action": waiting_action(number) if status == "requires_action" else "null",
            "usage": "null" if status in ACTIVE else usage, "metadata": self.metadata(number),
        }  # fmt: skip

    def metadata(self, number: int) -> str:
        pick = self.random.random
        env = COMMON_PAIR[1] if pick() < COMMON_SHARE else ("staging", "development")[number & 1]
        tier = RARE_PAIR[1] if pick() < RARE_SHARE else ("standard", "plus")[number & 1]
        ticket = f',"ticket":"T-{number}"' if number & 1 else ""
        return f'{{"env":"{env}","tier":"{tier}","tenant":"tenant-{int(TENANTS * pick() ** 2):03d}"{ticket}}}'

    def step(
        self, number: int, place: int, run_id: str, thread_id: str, assistant_id: str, created: int, last: bool
    ) -> str:
        kind, details = "tool_calls", self.calls[int(POOL * self.random.random())]
        if last:
            details = f'{{"type":"message_creation","message_creation":{{"message_id":"msg_{self.id_of(number)}a"}}}}'
            kind = "message_creation"
        at = created + 1 + 4 * place
        return STEP % (
            f"{self.id_of(number)}{place:02d}",
            at,
            run_id,
            assistant_id,
            thread_id,
            kind,
            at + 3,
            details,
            place,
        )

    def id_of(self, number: int) -> str:
        """24 hexadecimal digits that look random and never repeat."""
        return f"{(self.first + number + 1) * ID_FACTOR & ID_MASK:024x}"


def write(past: Past, file: BinaryIO, *, threads_a_write: int = 200) -> int:
    """Writes the past as JSONL; returns its size in bytes."""
    size, waiting = 0, []
    for lines in past.threads():
        waiting.append(lines)
        if len(waiting) >= threads_a_write:
            size += file.write("".join(waiting).encode())
            waiting.clear()
    return size + file.write("".join(waiting).encode())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generate", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument(
        "--body-bytes", type=int, default=2_000, help="mean size of what each object holds: tool calls, text"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--until", type=int, default=int(time.time()), help="unix seconds at which the month ends")
    parser.add_argument("-o", "--output", type=Path, help="a file; without it standard output")
    asked = parser.parse_args()
    past = Past(runs=asked.runs, body_bytes=asked.body_bytes, seed=asked.seed, until=asked.until)
    began = time.perf_counter()
    if asked.output:
        with asked.output.open("wb") as file:
            size = write(past, file)
    else:
        size = write(past, sys.stdout.buffer)
    taken_s = time.perf_counter() - began
    print(f"{asked.runs} runs, {size / 1e6:.0f} MB, {asked.runs / taken_s:.0f} runs/s", file=sys.stderr)


if __name__ == "__main__":
    main()
