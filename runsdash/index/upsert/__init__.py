"""Takes snapshots into the index: in bulk, idempotent, by the rule of age. One module an object.

- A snapshot's age is the moment its request was sent; an older one never overwrites a newer one.
- Leaving a terminal status is refused; a terminal status may be replaced by another terminal one.
- `expires_at`, `started_at` and pending calls keep their last known value when a later snapshot nulls them.
Every function opens one short transaction; none calls an upstream.
"""

from .assistants import upsert_assistants
from .ending import read_steps_again
from .known import free_keys, keys_of
from .messages import upsert_messages
from .runs import upsert_run, upsert_runs
from .steps import recount_steps, upsert_steps
from .threads import (
    ensure_threads,
    take_thread_snapshots,
    taken_thread_snapshots,
    upsert_threads,
    write_thread_snapshots,
)

__all__ = [
    "ensure_threads",
    "free_keys",
    "keys_of",
    "read_steps_again",
    "recount_steps",
    "take_thread_snapshots",
    "taken_thread_snapshots",
    "upsert_assistants",
    "upsert_messages",
    "upsert_run",
    "upsert_runs",
    "upsert_steps",
    "upsert_threads",
    "write_thread_snapshots",
]
