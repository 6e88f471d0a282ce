"""Makes one thread of the seeded past, run by run: question, steps, answer and times.

Its rows are for the store. Times are whole seconds that fit together; usage is counted from the text as
the engine counts it.
"""

import random
from dataclasses import dataclass, field
from functools import lru_cache

from runsdash.sandbox.engine.objects import chart_object, content, message_object, step_object, tokens, usage
from runsdash.sandbox.engine.transitions import MESSAGE_REASON, TIME_FIELDS
from runsdash.sandbox.ids import mint
from runsdash.sandbox.json_objects import JsonObject, dump
from runsdash.sandbox.protocol import runs
from runsdash.sandbox.script import arithmetic, documents, plot, prose
from runsdash.sandbox.store import Row

from . import builtin_assistants
from .stories import MODELS, STORIES, Story, ToolCall
from .story_values import fill, story_values

File = tuple[JsonObject, bytes]  # its object and its content
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
class PastThread:
    """Collects `rows`, (id, kind, parent, created_at, body); `now` is the thread's latest second."""

    rng: random.Random
    thread: JsonObject
    rows: list[Row] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    chars: int = 0
    now: int = 0

    def add_row(self, kind: str, body: JsonObject, *, parent: str) -> None:
        self.rows.append((body["id"], kind, parent, body["created_at"], dump(body)))

    def mint(self, prefix: str) -> str:
        return mint(prefix=prefix, rng=self.rng)

    def add_run(self, story: Story, *, end: str, at: int) -> int:
        """Adds one run that ends as `end`; returns the second it was over."""
        if end in ("expired", "cancelled") and not story.calls:
            story = self.rng.choice(CALL_STORIES)
        values = story_values(self.rng, at=at)
        question = self.new_message("user", fill(story.asks, values), at=at)
        self.add_row("message", question, parent=self.thread["id"])
        run = self.blank_run(story, at=at)
        self.now = at + self.rng.randrange(0, 3)
        run["started_at"] = self.now
        self.chars += len(run["instructions"])
        usages: list[JsonObject] = []
        if not (end == "failed" and self.rng.random() < 0.3):
            finished = self.add_tool_steps(run, story, values, usages, end=end)
            if finished and end in ("completed", "incomplete", "failed"):
                self.add_answer(run, story, values, usages, end=end)
        self.end_run(run, usages, end=end)
        self.add_row("run", run, parent=self.thread["id"])
        return self.now

    def blank_run(self, story: Story, *, at: int) -> JsonObject:
        assistant = ASSISTANTS[story.assistant]
        given: JsonObject = {"metadata": self.metadata()}
        if self.rng.random() < 0.45:
            given["model"] = self.rng.choice(MODELS)
        if self.rng.random() < 0.2:
            given |= {"temperature": 0.2, "max_completion_tokens": 1024}
        run = runs.shape(given, assistant, thread_id=self.thread["id"], expires_s=EXPIRES_S)
        return run | {"id": self.mint("run_"), "created_at": at}

    def metadata(self) -> JsonObject:
        pairs = {"team": self.thread["metadata"]["team"], "channel": self.rng.choice(CHANNELS)}
        if self.rng.random() < 0.6:
            pairs["ticket"] = f"T-{self.rng.randrange(10_000, 99_999)}"
        return pairs

    def new_message(self, role: str, text: str, *, at: int) -> JsonObject:
        self.chars += len(text)
        message = message_object(self.mint("msg_"), self.thread["id"], role=role, at=at)
        return message | {"content": content(text)}

    # Tool steps

    def add_tool_steps(
        self, run: JsonObject, story: Story, values: JsonObject, usages: list[JsonObject], *, end: str
    ) -> bool:
        """Adds the tool steps. False when the run ended inside one of them."""
        if story.kind in ("code", "plot"):
            self.code_step(run, story, values, usages)
        elif story.kind == "search":
            self.search_step(run, story, usages)
        groups = [story.calls] if story.kind == "parallel" else [(call,) for call in story.calls]
        for at, group in enumerate(groups):
            last = at == len(groups) - 1
            if not self.call_step(run, group, values, usages, end=end if last else "completed"):
                return False
        return True

    def call_step(
        self, run: JsonObject, group: tuple[ToolCall, ...], values: JsonObject, usages: list[JsonObject], *, end: str
    ) -> bool:
        calls = [self.call(name, arguments, values) for name, arguments, _ in group]
        step = step_object(self.mint("step_"), run, "tool_calls", {"tool_calls": calls}, at=self.advance(1, 5))
        if end in ("expired", "cancelled"):
            self.now = run["created_at"] + EXPIRES_S if end == "expired" else self.advance(5, 200)
            step |= {"status": end, TIME_FIELDS[end]: self.now}
            self.add_row("step", step, parent=run["id"])
            return False
        for call, (_, _, output) in zip(calls, group, strict=True):
            call["function"]["output"] = dump(fill(output, values))
        self.complete_step(run, step, usages, least=2, most=180)
        return True

    def call(self, name: str, arguments: JsonObject, values: JsonObject) -> JsonObject:
        function = {"name": name, "arguments": dump(fill(arguments, values)), "output": None}
        return {"id": self.mint("call_"), "type": "function", "function": function}

    def code_step(self, run: JsonObject, story: Story, values: JsonObject, usages: list[JsonObject]) -> None:
        if story.kind == "plot":
            source = f"import matplotlib.pyplot as plt\nplt.bar(days, [{values['week']}])\nplt.show()"
            values["file_id"] = self.image(run, values)
            outputs = [{"type": "image", "image": {"file_id": values["file_id"]}}]
        else:
            source = f"print({values['formula']})"
            outputs = [{"type": "logs", "logs": arithmetic.run(values["formula"]) + "\n"}]
        interpreter = {"input": source, "outputs": outputs}
        call = {"id": self.mint("call_"), "type": "code_interpreter", "code_interpreter": interpreter}
        step = step_object(self.mint("step_"), run, "tool_calls", {"tool_calls": [call]}, at=self.advance(1, 3))
        self.complete_step(run, step, usages, least=1, most=9)

    def image(self, run: JsonObject, values: JsonObject) -> str:
        image = chart(tuple(values["values"]))
        file_id = self.mint("file-")
        self.files.append((chart_object(file_id, run, image, at=self.now), image))
        return file_id

    def search_step(self, run: JsonObject, story: Story, usages: list[JsonObject]) -> None:
        ranking = {"ranker": documents.RANKER, "score_threshold": 0.0}
        found = {"ranking_options": ranking, "results": search(story.query)}
        call = {"id": self.mint("call_"), "type": "file_search", "file_search": found}
        step = step_object(self.mint("step_"), run, "tool_calls", {"tool_calls": [call]}, at=self.advance(1, 3))
        self.complete_step(run, step, usages, least=1, most=4)

    def complete_step(
        self, run: JsonObject, step: JsonObject, usages: list[JsonObject], *, least: int, most: int
    ) -> None:
        """Completes a step after `least`..`most` seconds and counts what it cost."""
        written = len(dump(step["step_details"])) // 2
        step |= {"status": "completed", "completed_at": self.advance(least, most)}
        step["usage"] = usage(tokens(self.chars), tokens(written))
        self.chars += written
        usages.append(step["usage"])
        self.add_row("step", step, parent=run["id"])

    def advance(self, least: int, most: int) -> int:
        self.now += self.rng.randrange(least, most + 1)
        return self.now

    # The answer and the end

    def add_answer(
        self, run: JsonObject, story: Story, values: JsonObject, usages: list[JsonObject], *, end: str
    ) -> None:
        """Adds the answer: whole, cut by the token limit, or broken off by a failure."""
        text = fill(story.answers, values)
        notes: list[JsonObject] = []
        if story.kind == "search":
            text, notes = cited(text, search(story.query)[0])
        if end != "completed":
            text, notes = text[: len(text) * 2 // 3], []
        message = self.new_message("assistant", text, at=self.advance(0, 2))
        images = [values["file_id"]] if "file_id" in values and end == "completed" else []
        message["content"] = content(text, annotations=notes, images=images)
        message |= {"assistant_id": run["assistant_id"], "run_id": run["id"], "completed_at": None}
        details = {"message_creation": {"message_id": message["id"]}}
        step = step_object(self.mint("step_"), run, "message_creation", details, at=message["created_at"])
        if end == "failed":
            self.now += 1
            error = {"code": "server_error", "message": ERRORS["server_error"]}
            step |= {"status": "failed", "failed_at": self.now, "last_error": error}
        else:
            step |= {"status": "completed", "completed_at": self.advance(1, 1 + len(text) // 60)}
            step["usage"] = usage(tokens(self.chars - len(text)), tokens(len(text)))
            usages.append(step["usage"])
        self.add_row("step", step, parent=run["id"])
        if end == "completed":
            message |= {"status": "completed", "completed_at": self.now}
        else:
            reason = {"reason": MESSAGE_REASON.get(end, "max_tokens")}
            message |= {"status": "incomplete", "incomplete_at": self.now, "incomplete_details": reason}
        self.add_row("message", message, parent=self.thread["id"])

    def end_run(self, run: JsonObject, usages: list[JsonObject], *, end: str) -> None:
        sums = [sum(one[name] for one in usages) for name in ("prompt_tokens", "completion_tokens")]
        run |= {"status": end, "expires_at": None, "usage": usage(*sums)}
        if end in ("completed", "cancelled", "failed"):
            run[TIME_FIELDS[end]] = self.now
        if end == "incomplete":
            run["incomplete_details"] = {"reason": "max_completion_tokens"}
            run["max_completion_tokens"] = max(256, sums[1])
        if end == "failed":
            code = "server_error" if usages else self.rng.choice(list(ERRORS))
            run["last_error"] = {"code": code, "message": ERRORS[code].format(model=run["model"])}


@lru_cache(maxsize=32)
def search(query: str) -> list[JsonObject]:
    return documents.search(query, limit=4)


def cited(text: str, result: JsonObject) -> tuple[str, list[JsonObject]]:
    mark = prose.MARK.format(at=4, name=result["file_name"])
    return f"{text} {mark}.", [prose.citation(mark, file_id=result["file_id"], start=len(text) + 1)]
