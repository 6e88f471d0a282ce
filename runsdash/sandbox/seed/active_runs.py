"""Adds runs that are active right now to a seeded sandbox: some wait for a person, some work.

They are made by the moves of the engine, so they can be answered, cancelled and expire like any other.
"""

import time

from runsdash.sandbox.engine.transitions import Transition
from runsdash.sandbox.protocol import runs, threads
from runsdash.sandbox.state import Sandbox
from runsdash.sandbox.store import Change

ENOUGH = 3
# (assistant, the user's message, part of the expiry time that is left)
WAITING = [
    ("claims", "NW-20733 came 140 minutes late. May we give Tova 86 euros back?", 0.2),
    ("parallel", "Box BX-117 on NW-20481: where is it, and did it stay cold?", 0.4),
    ("dispatch", "Can NW-31877 be rerouted to 3 Weavers Row, 4021?", 0.6),
    ("approval", "Please correct the customs record of NW-44102.", 0.8),
    ("claims", "The parcel NW-52096 arrived damaged. Pay 40 euros?", 0.95),
]
# (assistant, the user's message, seconds of work left, status)
WORKING = [
    ("dispatch", "Compare last night's routes with the plan and list every van that was late.", 200, "in_progress"),
    ("long", "Write the handover for the morning shift at Northgate.", 380, "in_progress"),
    ("search", "What applies to lithium batteries on island routes?", 300, "queued"),
]
# On a server like Foundry, beside them: its own tools, and an agent that asks another one, which waits for approval
HOSTED = [
    ("agents", "May NW-44102 leave customs today?"),
    ("registry", "What does the harbor registry say of NW-44102?"),
    ("scout", "What do others charge for frozen goods to the islands?"),
]


def top_up(sandbox: Sandbox) -> None:
    """Adds a fresh set unless enough runs of an earlier start still wait."""
    ((count,),) = sandbox.store.rows(
        "SELECT count(*) FROM active WHERE due_at IS NULL AND expires_at > ?", time.time() + 60
    )
    if count >= ENOUGH:
        return
    for slug, text, left in WAITING:
        with sandbox.store.change() as change:
            transition = start(sandbox, change, slug, text)
            while transition.run["status"] != "requires_action":
                sandbox.engine.apply_next(transition)
            make_older(transition, sandbox.options.expires_s, left=left)
    for slug, text, work_s, status in WORKING:
        with sandbox.store.change() as change:
            transition = start(sandbox, change, slug, text)
            if status == "in_progress":
                sandbox.engine.apply_next(transition)
            keep_working(transition, work_s)
    for slug, text in HOSTED if sandbox.options.dialect == "foundry" else ():
        with sandbox.store.change() as change:
            start(sandbox, change, slug, text)


def start(sandbox: Sandbox, change: Change, slug: str, text: str) -> Transition:
    assistant = change.get("assistant", f"asst_sandbox_{slug}")
    given = {"metadata": {"team": "night", "channel": "chat"}}
    thread = threads.insert(change, {"messages": [{"role": "user", "content": text}], "metadata": {"team": "night"}})
    return runs.insert(sandbox, change, given, assistant=assistant, thread_id=thread["id"])


def make_older(transition: Transition, expires_s: int, *, left: float) -> None:
    """Makes the run and what its thread holds older, so that `left` of its time to live is left."""
    shift_s, change = int(expires_s * (1 - left)), transition.change
    thread_id, run_id = transition.run["thread_id"], transition.run["id"]
    transition.run |= {name: transition.run[name] - shift_s for name in ("created_at", "started_at", "expires_at")}
    transition.active.expires_at = transition.run["expires_at"]
    change.update(transition.run)
    rest = [*change.children("message", thread_id), *change.children("step", run_id), change.get("thread", thread_id)]
    for one in rest:
        change.update(one | {"created_at": one["created_at"] - shift_s})
    for id in (run_id, *(one["id"] for one in rest)):
        change.db.execute("UPDATE object SET created_at=created_at-? WHERE id=?", (shift_s, id))
    change.save_active(transition.active)


def keep_working(transition: Transition, work_s: int) -> None:
    """Keeps the run in its status for `work_s` seconds, `--fast` or not."""
    if transition.run["status"] == "in_progress":
        transition.plan["todo"].insert(0, {"do": "rest", "wait_s": work_s, "exact": True})
    else:
        transition.plan["todo"][0] |= {"wait_s": work_s, "exact": True}
    transition.schedule()
