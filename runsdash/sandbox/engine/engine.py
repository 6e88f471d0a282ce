"""Applies what is due in the plans of unfinished runs, in one thread.

All its memory is in the store, so a killed server goes on where its plans were. It also sends open streams the words
that are out by now.
"""

import logging
import threading
import time
from collections.abc import Callable

from runsdash.sandbox.json_objects import dump
from runsdash.sandbox.store import Active, Change, Store

from .actions import ACTIONS
from .agents import Begin, open_agent
from .open_messages import OpenMessages, text_so_far
from .streams import Streams
from .transitions import Transition

FAST_PACE = 0.01
IDLE_S = 30.0
TICK_S, FAST_TICK_S = 0.04, 0.004

log = logging.getLogger(__name__)


class Engine:
    """Moves runs on. `ask_model`, if set, gets the ids of runs that a model shall answer; `begin` starts a run."""

    def __init__(self, *, store: Store, streams: Streams, fast: bool) -> None:
        self.store, self.streams = store, streams
        self.pace = FAST_PACE if fast else 1.0
        self.tick_s = FAST_TICK_S if fast else TICK_S
        self.open_messages = OpenMessages()
        self.ask_model: Callable[[str], None] | None = None
        self.begin: Begin | None = None
        self.stopping = False
        self.wake_event = threading.Event()
        self.thread = threading.Thread(target=self.work, name="engine", daemon=True)

    def start(self) -> None:
        self.resume_model_runs()
        self.thread.start()

    def stop(self) -> None:
        self.stopping = True
        self.wake_event.set()
        self.thread.join(timeout=5)

    def wake(self) -> None:
        """Makes the thread look again, because something new may be due."""
        self.wake_event.set()

    def transition(self, change: Change, active: Active) -> Transition:
        return Transition(
            change=change, active=active, open_messages=self.open_messages, pace=self.pace, now=time.time()
        )

    def work(self) -> None:
        while not self.stopping:
            self.wake_event.clear()
            for run_id in self.due():
                self.advance_safely(run_id)
            self.publish_words()
            self.wake_event.wait(self.pause_s())

    def due(self) -> list[str]:
        now = time.time()
        found = self.store.rows("SELECT run_id FROM active WHERE due_at<=? OR expires_at<=?", now, now)
        return [run_id for (run_id,) in found]

    def pause_s(self) -> float:
        ((due_at, expires_at),) = self.store.rows("SELECT min(due_at), min(expires_at) FROM active")
        soonest = min(due_at or float("inf"), expires_at or float("inf"))
        pause_s = min(max(soonest - time.time(), 0), IDLE_S)
        return min(pause_s, self.tick_s) if self.streamed_runs() else pause_s

    def advance_safely(self, run_id: str) -> None:
        try:
            self.advance(run_id)
        except Exception:
            # One broken plan must not stop all other runs.
            log.exception("run %s failed inside the sandbox", run_id)
            self.end_broken(run_id)

    def advance(self, run_id: str) -> None:
        """Applies the next action of one run, or its expiry, if the time has come."""
        with self.store.change() as change:
            active = change.active(run_id)
            if active is None:
                return
            transition = self.transition(change, active)
            if active.expires_at <= transition.now:
                transition.finish("expired")
            elif active.due_at is not None and active.due_at <= transition.now:
                self.apply_next(transition)

    def apply_next(self, transition: Transition) -> None:
        if transition.plan["todo"][0]["do"] == "ask":
            self.ask(transition)
            return
        action = transition.plan["todo"].pop(0)
        if action["do"] == "open_agent" and self.begin:
            open_agent(transition, action, begin=self.begin)
        else:
            ACTIONS[action["do"]](transition, action)
        transition.schedule()

    def ask(self, transition: Transition) -> None:
        """Hands the run to the model; it comes back by itself."""
        if self.ask_model is None:
            error = {"code": "server_error", "message": "This run needs a model, and none is configured."}
            transition.finish("failed", last_error=error)
            return
        transition.active.due_at = None
        transition.change.save_active(transition.active)
        self.ask_model(transition.run["id"])

    def resume_model_runs(self) -> None:
        """Asks the model again for runs that it was answering when the server died."""
        now = time.time()
        with self.store.change() as change:
            change.db.execute(
                "UPDATE active SET due_at=? WHERE due_at IS NULL AND json_extract(plan, '$.todo[0].do')='ask'"
                " AND (SELECT json_extract(body, '$.status') FROM object WHERE id=run_id)='in_progress'",
                (now,),
            )

    def end_broken(self, run_id: str) -> None:
        with self.store.change() as change:
            active = change.active(run_id)
            if active is not None:
                active.plan["open"] = None
                error = {"code": "server_error", "message": "The sandbox could not follow its own plan."}
                self.transition(change, active).finish("failed", last_error=error)

    def streamed_runs(self) -> list[str]:
        return [run_id for run_id in list(self.open_messages.by_run) if self.streams.are_open(run_id)]

    def publish_words(self) -> None:
        """Sends open streams the words that are out by now; nothing is written for this."""
        for run_id in self.streamed_runs():
            with self.store.write_lock:
                draft = self.open_messages.by_run.get(run_id)
                if draft is None:
                    continue
                text = text_so_far(draft, now=time.time())
                delta = self.open_messages.next_delta(run_id, text, message_id=draft["message_id"])
                if delta:
                    self.streams.publish([(run_id, "thread.message.delta", dump(delta))])
