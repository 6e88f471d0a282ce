"""Wake-up calls between processes. A call that gets lost costs half a second: the record of work is rows.

Web processes ring; whichever worker takes the task looks at once what is due.
"""

import logging
from threading import Event, Thread

from django.db import transaction
from huey.consumer import Worker as Listener

from runsdash.queue import huey

LOOK_EVERY_S = 0.1  # where the queue cannot tell by itself that something came (SQLite)
LOOK_RARELY_S = 0.5
CALLS_KEPT = 3  # while no worker runs, calls do not pile up
log = logging.getLogger(__name__)
_bells: set[Event] = set()


@huey.task()
def ring() -> None:
    """Runs in a worker: rings whatever waits there."""
    for bell in _bells:
        bell.set()


def wake() -> None:
    """Tells one worker that something became due, once the transaction is through. Never fails."""
    transaction.on_commit(_ring_safely)


def _ring_safely() -> None:
    try:
        if huey.pending_count() < CALLS_KEPT:
            ring()
    except Exception:
        log.exception("the queue of HUEY_URL took no wake-up call; workers look by themselves")


def listen(*bells: Event, stop: Event) -> Thread:
    """A thread that takes calls from the queue and rings `bells` until `stop`."""
    _bells.update(bells)
    thread = Thread(target=_listen, args=(stop,), name="runsdash-listening", daemon=True)
    thread.start()
    return thread


def _listen(stop: Event) -> None:
    listener = Listener(huey, stop, LOOK_EVERY_S, LOOK_RARELY_S, 1.15)
    while not stop.is_set():
        listener.loop()
