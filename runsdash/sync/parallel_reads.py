"""Waits for reads that were started together, and sees that their answers are stored once.

The executor's tasks only talk HTTP. Whoever waits stores the answers in the index; if the page cannot wait that long,
one background thread of the process does, so that an answer is never thrown away.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from datetime import datetime
from queue import SimpleQueue
from threading import Lock, Thread
from time import monotonic, sleep
from typing import Any, TypeAlias, TypeVar

from django.db import close_old_connections, connections
from django.db.models import Model
from django.utils import timezone

from runsdash.json_logs import carrying_ids
from runsdash.service import ServiceError


@dataclass
class Reads:
    """Holds requests under way by name, and the moment they were sent."""

    futures: dict[str, Future[Any]]
    sent_at: datetime = field(default_factory=timezone.now)

    def wait(self, seconds: float) -> bool:
        """Waits until everything is in; True when it is."""
        return not wait(self.futures.values(), timeout=max(0.0, seconds)).not_done

    def wait_for(self, name: str, seconds: float) -> bool:
        return not wait([self.futures[name]], timeout=max(0.0, seconds)).not_done

    def answer(self, name: str) -> Any | ServiceError | None:
        """Returns the answer, the error it ended with, or None when it was not asked or is not in yet."""
        future = self.futures.get(name)
        if future is None or not future.done():
            return None
        error = future.exception()
        if error is None:
            return future.result()
        if isinstance(error, ServiceError):
            return error
        raise error

    def only(self, *names: str) -> "Reads":
        return Reads({name: self.futures[name] for name in names if name in self.futures}, self.sent_at)

    def unfinished(self) -> "Reads":
        late = {name: future for name, future in self.futures.items() if not future.done()}
        return Reads(late, self.sent_at)


log = logging.getLogger(__name__)
Found = TypeVar("Found")
LOOK_EVERY_S = 0.05
Dropped: TypeAlias = ServiceError | Model | int | None  # what work answers, where nobody looks at it
Task = Callable[[], Dropped]
_tasks: SimpleQueue[Task] = SimpleQueue()
_thread: Thread | None = None
_lock = Lock()


def until(look: Callable[[], Found | None], *, seconds: float) -> Found | None:
    """Looks again and again until something is there or the time is over."""
    deadline = monotonic() + seconds
    while (found := look()) is None and monotonic() < deadline:
        sleep(LOOK_EVERY_S)
    return found


def in_background(task: Task) -> None:
    """Runs `task` soon on the one thread of this process that may touch the database in the background."""
    _start_thread()
    _tasks.put(carrying_ids(task))


def store_later(reads: Reads, store: Task) -> None:
    """Runs `store` in the background once every read is in."""
    _start_thread()
    left, counting, task = len(reads.futures), Lock(), carrying_ids(store)

    def one_is_in(_: Future[Any]) -> None:
        nonlocal left
        with counting:
            left -= 1
            if left == 0:
                _tasks.put(task)

    for future in reads.futures.values():
        future.add_done_callback(one_is_in)


def _start_thread() -> None:
    global _thread
    with _lock:
        if _thread is None or not _thread.is_alive():
            _thread = Thread(target=_work_for_ever, name="runsdash-storing", daemon=True)
            _thread.start()


def _work_for_ever() -> None:
    while True:
        task = _tasks.get()
        try:
            close_old_connections()
            task()
        except Exception:
            log.exception("a late answer could not be taken into the index")
        if _tasks.empty():
            connections.close_all()
