"""One seeded thread as it grows: each run adds its question, steps, answer and times.

Makes rows for the store. Times are whole seconds that fit together; usage is counted from the text as
the engine counts it.
"""

import random
import string
from dataclasses import dataclass, field
from functools import lru_cache

from runsdash.sandbox.engine.ledger import content, message_object, step_object, tokens, usage
from runsdash.sandbox.engine.turn import MESSAGE_REASON, STAMP
from runsdash.sandbox.protocol import runs
from runsdash.sandbox.script import arithmetic, documents, plot, prose
from runsdash.sandbox.store import dump

from . import builtin_assistants
from .particulars import fill, particulars
from .stories import MODELS, STORIES, Story

EXPIRES_S = 600
CALL_STORIES = [story for story in STORIES if story.calls]
ASSISTANTS = {one["id"].removeprefix("asst_sandbox_"): one for one in builtin_assistants.ASSISTANTS}
ERRORS = {
    "rate_limit_exceeded": "Rate limit reached for {model} on tokens per minute.",
    "server_error": "The server had an error while answering.",
    "invalid_prompt": "The prompt was refused before the model saw it.",
}
CHANNELS = ["mail", "chat", "phone"]


@lru_cache(maxsize=64)
def chart(values: tuple[float, ...]) -> bytes:
    return plot.bars(list(values))


@dataclass
class Episode:
    """`rows` are (id, kind, parent, created_at, body); `now` is the thread's latest second."""

    chance: random.Random
    thread: dict
    rows: list[tuple] = field(default_factory=list)
    files: list[tuple[dict, bytes]] = field(default_factory=list)
    chars: int = 0
    now: int = 0

    def keep(self, kind: str, body: dict, *, parent: str) -> None:
        self.rows.append((body["id"], kind, parent, body["created_at"], dump(body)))

    def id(self, prefix: str) -> str:
        return prefix + "".join(self.chance.choices(string.ascii_letters + string.digits, k=24))

    def run(self, story: Story, *, end: str, at: int) -> int:
        """Adds one run that ends as `end`; returns the second it was over."""
        if end in ("expired", "cancelled") and not story.calls:
            story = self.chance.choice(CALL_STORIES)
        told = particulars(self.chance, at=at)
        question = self.say("user", fill(story.asks, told), at=at)
        self.keep("message", question, parent=self.thread["id"])
        run = self.blank_run(story, at=at)
        self.now = at + self.chance.randrange(0, 3)
        run["started_at"] = self.now
        self.chars += len(run["instructions"])
        spent: list[dict] = []
        if not (end == "failed" and self.chance.random() < 0.3):
            finished = self.work(run, story, told, spent, end=end)
            if finished and end in ("completed", "incomplete", "failed"):
                self.close(run, story, told, spent, end=end)
        self.settle(run, spent, end=end)
        self.keep("run", run, parent=self.thread["id"])
        return self.now

    def blank_run(self, story: Story, *, at: int) -> dict:
        assistant = ASSISTANTS[story.assistant]
        given = {"metadata": self.metadata()}
        if self.chance.random() < 0.45:
            given["model"] = self.chance.choice(MODELS)
        if self.chance.random() < 0.2:
            given |= {"temperature": 0.2, "max_completion_tokens": 1024}
        run = runs.shape(given, assistant, thread_id=self.thread["id"], expires_s=EXPIRES_S)
        return run | {"id": self.id("run_"), "created_at": at}

    def metadata(self) -> dict:
        pairs = {"team": self.thread["metadata"]["team"], "channel": self.chance.choice(CHANNELS)}
        if self.chance.random() < 0.6:
            pairs["ticket"] = f"T-{self.chance.randrange(10_000, 99_999)}"
        return pairs

    def say(self, role: str, text: str, *, at: int) -> dict:
        self.chars += len(text)
        message = message_object(self.id("msg_"), self.thread["id"], role=role, at=at)
        return message | {"content": content(text)}

    # Work

    def work(self, run: dict, story: Story, told: dict, spent: list[dict], *, end: str) -> bool:
        """The tool steps. False when the run ended inside one of them."""
        if story.kind in ("code", "plot"):
            self.code_step(run, story, told, spent)
        elif story.kind == "search":
            self.search_step(run, story, spent)
        groups = [story.calls] if story.kind == "parallel" else [(call,) for call in story.calls]
        for at, group in enumerate(groups):
            last = at == len(groups) - 1
            if not self.call_step(run, group, told, spent, end=end if last else "completed"):
                return False
        return True

    def call_step(self, run: dict, group: tuple, told: dict, spent: list[dict], *, end: str) -> bool:
        calls = [self.call(name, arguments, told) for name, arguments, _ in group]
        step = step_object(self.id("step_"), run, "tool_calls", {"tool_calls": calls}, at=self.tick(1, 5))
        if end in ("expired", "cancelled"):
            self.now = run["created_at"] + EXPIRES_S if end == "expired" else self.tick(5, 200)
            step |= {"status": end, STAMP[end]: self.now}
            self.keep("step", step, parent=run["id"])
            return False
        for call, (_, _, output) in zip(calls, group, strict=True):
            call["function"]["output"] = prose.compact(fill(output, told))
        self.finish(run, step, spent, least=2, most=180)
        return True

    def call(self, name: str, arguments: dict, told: dict) -> dict:
        function = {"name": name, "arguments": prose.compact(fill(arguments, told)), "output": None}
        return {"id": self.id("call_"), "type": "function", "function": function}

    def code_step(self, run: dict, story: Story, told: dict, spent: list[dict]) -> None:
        if story.kind == "plot":
            source = f"import matplotlib.pyplot as plt\nplt.bar(days, [{told['week']}])\nplt.show()"
            told["file_id"] = self.image(run, told)
            outputs = [{"type": "image", "image": {"file_id": told["file_id"]}}]
        else:
            source = f"print({told['formula']})"
            outputs = [{"type": "logs", "logs": arithmetic.run(told["formula"]) + "\n"}]
        interpreter = {"input": source, "outputs": outputs}
        call = {"id": self.id("call_"), "type": "code_interpreter", "code_interpreter": interpreter}
        step = step_object(self.id("step_"), run, "tool_calls", {"tool_calls": [call]}, at=self.tick(1, 3))
        self.finish(run, step, spent, least=1, most=9)

    def image(self, run: dict, told: dict) -> str:
        image = chart(tuple(told["values"]))
        body = {
            "id": self.id("file-"),
            "object": "file",
            "bytes": len(image),
            "created_at": self.now,
            "filename": f"{run['id']}-chart.png",
            "purpose": "assistants_output",
            "status": "processed",
        }
        self.files.append((body, image))
        return body["id"]

    def search_step(self, run: dict, story: Story, spent: list[dict]) -> None:
        ranking = {"ranker": documents.RANKER, "score_threshold": 0.0}
        found = {"ranking_options": ranking, "results": search(story.query)}
        call = {"id": self.id("call_"), "type": "file_search", "file_search": found}
        step = step_object(self.id("step_"), run, "tool_calls", {"tool_calls": [call]}, at=self.tick(1, 3))
        self.finish(run, step, spent, least=1, most=4)

    def finish(self, run: dict, step: dict, spent: list[dict], *, least: int, most: int) -> None:
        """Completes a step after `least`..`most` seconds and counts what it cost."""
        written = len(dump(step["step_details"])) // 2
        step |= {"status": "completed", "completed_at": self.tick(least, most)}
        step["usage"] = usage(tokens(self.chars), tokens(written))
        self.chars += written
        spent.append(step["usage"])
        self.keep("step", step, parent=run["id"])

    def tick(self, least: int, most: int) -> int:
        self.now += self.chance.randrange(least, most + 1)
        return self.now

    # The answer and the end

    def close(self, run: dict, story: Story, told: dict, spent: list[dict], *, end: str) -> None:
        """The answer: whole, cut by the token limit, or broken off by a failure."""
        text, notes = fill(story.answers, told), []
        if story.kind == "search":
            text, notes = cited(text, search(story.query)[0])
        if end != "completed":
            text, notes = text[: len(text) * 2 // 3], []
        message = self.say("assistant", text, at=self.tick(0, 2))
        images = [told["file_id"]] if "file_id" in told and end == "completed" else []
        message["content"] = content(text, annotations=notes, images=images)
        message |= {"assistant_id": run["assistant_id"], "run_id": run["id"], "completed_at": None}
        details = {"message_creation": {"message_id": message["id"]}}
        step = step_object(self.id("step_"), run, "message_creation", details, at=message["created_at"])
        if end == "failed":
            self.now += 1
            step |= {"status": "failed", "failed_at": self.now}
            step["last_error"] = {"code": "server_error", "message": ERRORS["server_error"]}
            self.keep("step", step, parent=run["id"])
        else:
            step |= {"status": "completed", "completed_at": self.tick(1, 1 + len(text) // 60)}
            step["usage"] = usage(tokens(self.chars - len(text)), tokens(len(text)))
            spent.append(step["usage"])
            self.keep("step", step, parent=run["id"])
        if end == "completed":
            message |= {"status": "completed", "completed_at": self.now}
        else:
            reason = {"reason": MESSAGE_REASON.get(end, "max_tokens")}
            message |= {"status": "incomplete", "incomplete_at": self.now, "incomplete_details": reason}
        self.keep("message", message, parent=self.thread["id"])

    def settle(self, run: dict, spent: list[dict], *, end: str) -> None:
        sums = [sum(one[name] for one in spent) for name in ("prompt_tokens", "completion_tokens")]
        run |= {"status": end, "expires_at": None, "usage": usage(*sums)}
        if end in ("completed", "cancelled", "failed"):
            run[STAMP[end]] = self.now
        if end == "incomplete":
            run["incomplete_details"] = {"reason": "max_completion_tokens"}
            run["max_completion_tokens"] = max(256, sums[1])
        if end == "failed":
            code = "server_error" if spent else self.chance.choice(list(ERRORS))
            run["last_error"] = {"code": code, "message": ERRORS[code].format(model=run["model"])}


@lru_cache(maxsize=32)
def search(query: str) -> list[dict]:
    return documents.search(query, limit=4)


def cited(text: str, result: dict) -> tuple[str, list[dict]]:
    mark = prose.MARK.format(at=4, name=result["file_name"])
    return f"{text} {mark}.", [prose.citation(mark, file_id=result["file_id"], start=len(text) + 1)]
