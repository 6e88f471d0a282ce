"""Lets a model answer runs, in a few threads that carry its words into the run as they come.

The engine hands over a run's id; when the model is done the run is back in the engine's plan. A run that
was cancelled or expired meanwhile is left alone.
"""

import logging
import threading
from collections.abc import Callable
from functools import partial

from runsdash.sandbox.chat import ChatError, ChatModel, Reply, conversation
from runsdash.sandbox.ids import mint
from runsdash.sandbox.json_objects import JsonObject

from .engine import Engine
from .transitions import Transition

AT_ONCE = 8

log = logging.getLogger(__name__)


class ModelAnswers:
    """Answers runs of `engine` with `model`."""

    def __init__(self, engine: Engine, model: ChatModel) -> None:
        self.engine, self.model = engine, model
        self.slots = threading.Semaphore(AT_ONCE)

    def ask(self, run_id: str) -> None:
        # A daemon, so that a silent model does not keep the server from ending.
        threading.Thread(target=self.answer, args=(run_id,), daemon=True).start()

    def answer(self, run_id: str) -> None:
        try:
            with self.slots:
                self.answer_with_model(run_id)
        except ChatError as error:
            self.change_run(run_id, partial(fail, error=error))
        except Exception:
            log.exception("run %s could not be answered", run_id)
            self.change_run(run_id, partial(fail, error=ChatError("The sandbox failed on the reply.")))

    def answer_with_model(self, run_id: str) -> None:
        with self.engine.store.change() as change:
            run = change.find("run", run_id)
            if run is None:
                return
            messages = change.children("message", run["thread_id"])
            steps = change.children("step", run_id)

        def on_text(text: str) -> bool:
            return self.show_text(run_id, text)

        reply = self.model.answer(run, conversation(run, messages, steps), on_text=on_text)
        self.change_run(run_id, partial(store_reply, reply=reply))

    def show_text(self, run_id: str, text: str) -> bool:
        """Shows the text so far to open streams. False once the run no longer wants it."""
        with self.engine.store.write_lock:
            draft = self.engine.open_messages.by_run.get(run_id)
            if draft is not None and not draft["word_s"]:
                draft["text"] = text
                return "until" not in draft
        if not text:
            return True
        return self.change_run(run_id, partial(open_message, text=text))

    def change_run(self, run_id: str, apply: Callable[[Transition], None]) -> bool:
        """Applies a change to the run if it is still being answered."""
        with self.engine.store.change() as change:
            active = change.active(run_id)
            if active is None or not active.plan["todo"] or active.plan["todo"][0]["do"] != "ask":
                return False
            apply(self.engine.transition(change, active))
        self.engine.wake()
        return True


def open_message(transition: Transition, *, text: str) -> None:
    """Opens the message; one that was open when the server died is taken up again."""
    if transition.plan["open"]:
        transition.plan["open"]["text"] = text
        transition.open_messages.begin(transition.run["id"], transition.plan["open"])
    else:
        transition.open_message(text, annotations=[], images=[], word_s=0)
    transition.change.save_active(transition.active)


def store_reply(transition: Transition, *, reply: Reply) -> None:
    """Puts a whole reply into the run: its message, then its calls or its end."""
    transition.plan["todo"].pop(0)
    if transition.plan["open"]:
        transition.plan["open"]["text"] = reply.text
    if reply.usage:
        transition.plan["spent"] = reply.usage
    if reply.finish_reason in ("length", "content_filter"):
        reason = "max_completion_tokens" if reply.finish_reason == "length" else "content_filter"
        transition.finish("incomplete", incomplete_details={"reason": reason})
        return
    if transition.plan["open"]:
        transition.close_step("completed", written=transition.close_message("completed"))
        if reply.usage:
            transition.plan["spent"] = dict.fromkeys(reply.usage, 0)  # already counted with the message
    if reply.calls:
        calls = [made_call(one) for _, one in sorted(reply.calls.items())]
        transition.plan["todo"] = [{"do": "call", "wait_s": 0, "calls": calls}, {"do": "ask", "wait_s": 0}]
        transition.schedule()
    else:
        transition.finish("completed")


def made_call(call: JsonObject) -> JsonObject:
    function = {"name": call["name"], "arguments": call["arguments"], "output": None}
    return {"id": call["id"] or mint(prefix="call_"), "type": "function", "function": function}


def fail(transition: Transition, *, error: ChatError) -> None:
    transition.finish("failed", last_error={"code": error.code, "message": str(error)})
