"""Lets a model answer runs: a few threads that carry its words into the run as they come.

The engine hands over a run's id; when the model is done the run is back in the engine's plan. A run that
was cancelled or expired meanwhile is left alone.
"""

import logging
import threading
from collections.abc import Callable
from functools import partial

from runsdash.sandbox.chat import ChatError, ChatModel, Reply, conversation
from runsdash.sandbox.ids import mint

from .engine import Engine
from .turn import Turn

AT_ONCE = 8

log = logging.getLogger(__name__)


class Asker:
    """Answers runs of `engine` with `model`."""

    def __init__(self, engine: Engine, model: ChatModel) -> None:
        self.engine, self.model = engine, model
        self.room = threading.Semaphore(AT_ONCE)

    def ask(self, run_id: str) -> None:
        # A daemon, so that a silent model does not keep the server from ending.
        threading.Thread(target=self.answer, args=(run_id,), daemon=True).start()

    def answer(self, run_id: str) -> None:
        try:
            with self.room:
                self.answer_with_model(run_id)
        except ChatError as error:
            self.change_run(run_id, partial(fail, error=error))
        except Exception:
            log.exception("run %s could not be answered", run_id)
            self.change_run(run_id, partial(fail, error=ChatError("The sandbox failed on the reply.")))

    def answer_with_model(self, run_id: str) -> None:
        with self.engine.store.change() as change:
            run = change.get("run", run_id)
            if run is None:
                return
            said = change.children("message", run["thread_id"])
            steps = change.children("step", run_id)

        def on_text(text: str) -> bool:
            return self.tell(run_id, text)

        reply = self.model.answer(run, conversation(run, said, steps), on_text=on_text)
        self.change_run(run_id, partial(settle, reply=reply))

    def tell(self, run_id: str, text: str) -> bool:
        """Shows the text so far to open streams; False once the run no longer wants it."""
        with self.engine.store.write_lock:
            live = self.engine.speech.open.get(run_id)
            if live is not None and not live["word_s"]:
                live["text"] = text
                return "until" not in live
        if not text:
            return True
        return self.change_run(run_id, partial(begin, text=text))

    def change_run(self, run_id: str, move: Callable[[Turn], None]) -> bool:
        """Applies `move` to the run if it is still being answered."""
        with self.engine.store.change() as change:
            active = change.active(run_id)
            if active is None or not active.plan["todo"] or active.plan["todo"][0]["do"] != "ask":
                return False
            move(self.engine.turn(change, active))
        self.engine.wake()
        return True


def begin(turn: Turn, *, text: str) -> None:
    """Opens the message; one that was open when the server died is taken up again."""
    if turn.plan["open"]:
        turn.plan["open"]["text"] = text
        turn.speech.begin(turn.run["id"], turn.plan["open"])
    else:
        turn.open_message(text, annotations=[], images=[], word_s=0)
    turn.change.save_active(turn.active)


def settle(turn: Turn, *, reply: Reply) -> None:
    """Puts a whole reply into the run: its message, then its calls or its end."""
    turn.plan["todo"].pop(0)
    if turn.plan["open"]:
        turn.plan["open"]["text"] = reply.text
    if reply.usage:
        turn.plan["spent"] = reply.usage
    if reply.finish_reason in ("length", "content_filter"):
        reason = "max_completion_tokens" if reply.finish_reason == "length" else "content_filter"
        turn.finish("incomplete", incomplete_details={"reason": reason})
        return
    if turn.plan["open"]:
        turn.close_step("completed", written=turn.close_message("completed"))
        if reply.usage:
            turn.plan["spent"] = dict.fromkeys(reply.usage, 0)  # already counted with the message
    if reply.calls:
        calls = [made_call(one) for _, one in sorted(reply.calls.items())]
        turn.plan["todo"] = [{"do": "call", "wait_s": 0, "calls": calls}, {"do": "ask", "wait_s": 0}]
        turn.schedule()
    else:
        turn.finish("completed")


def made_call(call: dict) -> dict:
    function = {"name": call["name"], "arguments": call["arguments"], "output": None}
    return {"id": call["id"] or mint(prefix="call_"), "type": "function", "function": function}


def fail(turn: Turn, *, error: ChatError) -> None:
    turn.finish("failed", last_error={"code": error.code, "message": str(error)})
