"""Moves one unfinished run through the state machine and emits the events of each move.

Every move works inside a transaction of the store; the engine and the endpoints decide when. States and events:
docs/protocol.md#run-states and docs/protocol.md#streaming.
"""

from dataclasses import dataclass
from typing import Any

from runsdash.sandbox.ids import mint, now_s
from runsdash.sandbox.json_objects import Json, JsonObject
from runsdash.sandbox.store import Active, Change

from . import tool_deltas
from .objects import content, message_object, step_object, tokens, usage
from .open_messages import OpenMessages, message_delta, text_so_far, word_count

STEP_ERRORS = ("server_error", "rate_limit_exceeded")
MESSAGE_REASON = {"cancelled": "run_cancelled", "expired": "run_expired", "failed": "run_failed"}
TIME_FIELDS = {
    "completed": "completed_at",
    "cancelled": "cancelled_at",
    "failed": "failed_at",
    "expired": "expired_at",
}


@dataclass
class Transition:
    """Changes one run. `pace` multiplies scripted pauses (1.0 in real time); `now` is Unix seconds."""

    change: Change
    active: Active
    open_messages: OpenMessages
    pace: float
    now: float

    def __post_init__(self) -> None:
        self.run: JsonObject = self.change.get("run", self.active.run_id)
        self.plan = self.active.plan
        self.ended = False

    def emit(self, event: str, body: JsonObject) -> None:
        self.change.emit(self.active.run_id, event, body)

    def set_status(self, status: str, **fields: Json) -> None:
        self.run |= {"status": status, **fields}
        self.change.update(self.run)
        self.emit(f"thread.run.{status}", self.run)

    def schedule(self) -> None:
        """Saves the plan, due when its next action is."""
        if self.ended:
            return
        self.active.due_at = None
        if self.plan["todo"] and self.run["status"] != "requires_action":
            action = self.plan["todo"][0]
            self.active.due_at = self.now + action["wait_s"] * (1.0 if action.get("exact") else self.pace)
        self.change.save_active(self.active)

    # Steps

    def open_step(self, type: str, details: JsonObject) -> JsonObject:
        step = step_object(mint(prefix="step_"), self.run, type, details, at=now_s())
        self.change.insert("step", step, parent=self.run["id"])
        self.plan["open"] = {"step_id": step["id"]}
        return step

    def open_tool_step(self, calls: list[JsonObject]) -> JsonObject:
        """Opens a step with `calls` and emits them piece by piece."""
        step = self.open_step("tool_calls", {"tool_calls": calls})
        bare = step | {"step_details": {"type": "tool_calls", "tool_calls": []}}
        self.emit("thread.run.step.created", bare)
        self.emit("thread.run.step.in_progress", bare)
        for delta in tool_deltas.opening(calls):
            self.emit("thread.run.step.delta", tool_deltas.step_delta(step["id"], delta))
        return step

    def current_step(self) -> JsonObject:
        return self.change.get("step", self.plan["open"]["step_id"])

    def close_step(
        self,
        status: str,
        *,
        written: int = 0,
        model_usage: JsonObject | None = None,
        last_error: JsonObject | None = None,
    ) -> None:
        """Ends the open step; `written` counts the characters in it, `model_usage` is what a model reported."""
        step = self.current_step()
        step |= {"status": status, TIME_FIELDS[status]: now_s(), "last_error": last_error}
        if status == "completed":
            step["usage"] = self.add_usage(written, model_usage or self.plan.pop("spent", None))
        self.save_step(step)
        self.emit(f"thread.run.step.{status}", step)
        self.plan["open"] = None

    def save_step(self, step: JsonObject) -> None:
        self.change.update(step)

    def add_usage(self, written: int, model_usage: JsonObject | None) -> JsonObject:
        """Adds the usage of one answer of the model; what it wrote is part of the next prompt."""
        prompt, completion = tokens(self.plan["chars"]), tokens(written)
        if model_usage:
            prompt, completion = model_usage["prompt_tokens"], model_usage["completion_tokens"]
        self.plan["chars"] += written
        self.plan["prompt"] += prompt
        self.plan["completion"] += completion
        return usage(prompt, completion)

    # Messages

    def open_message(self, text: str, *, annotations: list[JsonObject], images: list[str], word_s: float) -> None:
        message = message_object(mint(prefix="msg_"), self.run["thread_id"], role="assistant", at=now_s(), run=self.run)
        message |= {"status": "in_progress", "completed_at": None}
        self.change.insert("message", message, parent=self.run["thread_id"])
        step = self.open_step("message_creation", {"message_creation": {"message_id": message["id"]}})
        self.emit("thread.run.step.created", step)
        self.emit("thread.run.step.in_progress", step)
        self.emit("thread.message.created", message)
        self.emit("thread.message.in_progress", message)
        fields = {
            "text": text,
            "annotations": annotations,
            "images": images,
            "began": self.now,
            "word_s": word_s,
        }
        self.plan["open"] |= {"message_id": message["id"], **fields}
        self.open_messages.begin(self.run["id"], self.plan["open"])

    def writing_s(self) -> float:
        """Returns how long the open message takes to write, before `pace`."""
        return word_count(self.plan["open"]["text"]) * self.plan["open"]["word_s"] / (self.pace or 1)

    def close_message(self, status: str, *, reason: str | None = None) -> int:
        """Ends the open message, whole or cut; returns the characters it holds."""
        draft = self.current_draft()
        whole = status == "completed" or reason == "max_tokens"
        text = draft["text"] if whole else text_so_far(draft, now=self.now)
        message = self.change.find("message", draft["message_id"])
        self.emit_rest(draft, text, whole=whole)
        self.open_messages.end(self.run["id"])
        if message is not None:
            stamp = "completed_at" if status == "completed" else "incomplete_at"
            message |= {"status": status, stamp: now_s(), "incomplete_details": reason and {"reason": reason}}
            notes, images = (draft["annotations"], draft["images"]) if whole else ([], [])
            message["content"] = content(text, annotations=notes, images=images)
            self.change.update(message)
            self.emit(f"thread.message.{status}", message)
        return len(text)

    def current_draft(self) -> JsonObject:
        """Returns the open message, with what a model has written of it so far."""
        shown = self.open_messages.by_run.get(self.run["id"])
        if shown and shown["message_id"] == self.plan["open"]["message_id"] and not shown["word_s"]:
            self.plan["open"]["text"] = shown["text"]
        return self.plan["open"]

    def emit_rest(self, draft: JsonObject, text: str, *, whole: bool) -> None:
        delta = self.open_messages.next_delta(self.run["id"], text, message_id=draft["message_id"])
        if delta:
            self.emit("thread.message.delta", delta)
        if not whole:
            return
        notes = [{"index": at, **note} for at, note in enumerate(draft["annotations"])]
        parts = [{"index": 0, "type": "text", "text": {"annotations": notes}}] if notes else []
        for at, file_id in enumerate(draft["images"], start=1):
            parts.append({"index": at, "type": "image_file", "image_file": {"file_id": file_id, "detail": "auto"}})
        for part in parts:
            self.emit("thread.message.delta", message_delta(draft["message_id"], [part]))

    # Ends

    def finish(self, status: str, **fields: Any) -> None:
        """Ends the run, and with it whatever is open."""
        self.close_open(status, fields.get("last_error"))
        stamp = TIME_FIELDS.get(status)
        if stamp and stamp != "expired_at":
            fields[stamp] = now_s()
        total = usage(self.plan["prompt"], self.plan["completion"])
        self.set_status(status, expires_at=None, required_action=None, usage=total, **fields)
        self.change.drop_active(self.run["id"])
        self.open_messages.end(self.run["id"])
        self.ended = True

    def close_open(self, status: str, error: JsonObject | None) -> None:
        if not self.plan.get("open"):
            return
        written = 0
        if "message_id" in self.plan["open"]:
            reason = MESSAGE_REASON.get(status, "max_tokens")
            written = self.close_message("incomplete", reason=reason)
        if error and error["code"] not in STEP_ERRORS:
            error = error | {"code": "server_error"}
        step_status = "completed" if status == "incomplete" else status
        self.close_step(step_status, written=written, last_error=error)

    def begin_cancelling(self) -> None:
        self.set_status("cancelling", required_action=None)
        if self.plan.get("open") and "began" in self.plan["open"]:
            self.current_draft()["until"] = self.now
            self.open_messages.by_run[self.run["id"]] = self.plan["open"]
        self.plan["todo"] = [{"do": "cancel", "wait_s": 0.6}]
        self.schedule()
