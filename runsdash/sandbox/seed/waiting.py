"""The runs of a seeded sandbox that are under way right now: some wait for a person, some work.

They go through the moves of the engine, so they can be answered, cancelled and expire like any other.
"""

import time

from runsdash.sandbox.engine.actions import ACTIONS
from runsdash.sandbox.engine.turn import Turn
from runsdash.sandbox.protocol import runs, threads
from runsdash.sandbox.state import Sandbox
from runsdash.sandbox.store import Change

ENOUGH = 3
# (assistant, what was asked, part of the expiry time that is left)
ASKED = [
    ("claims", "NW-20733 came 140 minutes late. May we give Tova 86 euros back?", 0.2),
    ("parallel", "Box BX-117 on NW-20481: where is it, and did it stay cold?", 0.4),
    ("dispatch", "Can NW-31877 be rerouted to 3 Weavers Row, 4021?", 0.6),
    ("approval", "Please correct the customs record of NW-44102.", 0.8),
    ("claims", "The parcel NW-52096 arrived damaged. Pay 40 euros?", 0.95),
]
# (assistant, what was asked, seconds of work left, status)
WORKING = [
    ("dispatch", "Compare last night's routes with the plan and list every van that was late.", 200, "in_progress"),
    ("long", "Write the handover for the morning shift at Northgate.", 380, "in_progress"),
    ("search", "What applies to lithium batteries on island routes?", 300, "queued"),
]


def top_up(sandbox: Sandbox) -> None:
    """Adds a fresh set unless enough runs of an earlier start still wait."""
    ((count,),) = sandbox.store.rows(
        "SELECT count(*) FROM active WHERE due_at IS NULL AND expires_at > ?", time.time() + 60
    )
    if count >= ENOUGH:
        return
    for slug, text, left in ASKED:
        with sandbox.store.change() as change:
            turn = begin(sandbox, change, slug, text)
            while turn.run["status"] != "requires_action":
                step(turn)
            age(turn, sandbox.options.expires_s, left=left)
    for slug, text, work_s, status in WORKING:
        with sandbox.store.change() as change:
            work(begin(sandbox, change, slug, text), work_s, status)


def begin(sandbox: Sandbox, change: Change, slug: str, text: str) -> Turn:
    assistant = change.get("assistant", f"asst_sandbox_{slug}")
    given = {"metadata": {"team": "night", "channel": "chat"}}
    thread = threads.insert(change, {"messages": [{"role": "user", "content": text}], "metadata": {"team": "night"}})
    run = runs.insert(sandbox, change, given, assistant=assistant, thread_id=thread["id"])
    return sandbox.engine.turn(change, change.active(run["id"]))


def step(turn: Turn) -> None:
    action = turn.plan["todo"].pop(0)
    ACTIONS[action["do"]](turn, action)
    turn.schedule()


def age(turn: Turn, expires_s: int, *, left: float) -> None:
    """Makes the run as old as it must be to have `left` of its time to live."""
    shift_s = int(expires_s * (1 - left))
    turn.run |= {name: turn.run[name] - shift_s for name in ("created_at", "started_at", "expires_at")}
    turn.active.expires_at = turn.run["expires_at"]
    turn.change.update(turn.run)
    turn.change.db.execute(
        "UPDATE object SET created_at=created_at-? WHERE id IN (?,?)", (shift_s, turn.run["id"], turn.run["thread_id"])
    )
    turn.change.save_active(turn.active)


def work(turn: Turn, work_s: int, status: str) -> None:
    """Keeps the run in its status for `work_s` seconds, `--fast` or not."""
    if status == "in_progress":
        step(turn)
        turn.plan["todo"].insert(0, {"do": "rest", "wait_s": work_s, "exact": True})
    else:
        turn.plan["todo"][0] |= {"wait_s": work_s, "exact": True}
    turn.schedule()
    turn.change.save_active(turn.active)
