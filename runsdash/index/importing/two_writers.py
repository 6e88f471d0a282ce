"""Runs two writers at once, where the engine has room for them.

That is PostgreSQL, whose server works on one transaction a session. Results come in the order of what was given. A
writer that meets an object that the other is just writing waits for it, fails and starts over (see write_blocks.py);
files in which that happens are not in the order of their threads, so from then on one writes.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain, islice
from typing import TypeVar

from django.db import connection as database
from django.db import connections

from runsdash.json_logs import carrying_ids

Given = TypeVar("Given")
Done = TypeVar("Done")
WRITERS = 2  # on PostgreSQL


def done_in_order(
    work: Callable[[Given], Done],
    given: Iterable[Given],
    *,
    begin: Callable[[], None],
    collided: Callable[[Done], bool],
) -> Iterator[Done]:
    """Calls `work` for each of `given`, and `begin` in each thread before its first.

    In an open transaction, which no other thread could see, all is done here.
    """
    has_room = database.vendor == "postgresql" and not database.in_atomic_block
    writers = WRITERS if has_room else 1
    ahead = iter(given)
    first = list(islice(ahead, writers))
    given = chain(first, ahead)
    if writers == 1 or len(first) < writers:
        yield from map(work, given)
        return
    with threads(writers, begin) as pool:
        pending: deque[Future[Done]] = deque()
        most = writers + 1  # one waits for whoever is done first
        for one in given:
            pending.append(pool.submit(carrying_ids(work), one))
            while len(pending) >= most:
                done = pending.popleft().result()
                most = 1 if collided(done) else most
                yield done
        while pending:
            yield pending.popleft().result()


@contextmanager
def threads(count: int, begin: Callable[[], None]) -> Iterator[ThreadPoolExecutor]:
    """Starts threads with a connection to the database each, which goes away with them."""
    opened = []

    def first() -> None:
        database.inc_thread_sharing()  # whoever ends the threads closes it
        opened.append(connections[database.alias])
        begin()

    try:
        with ThreadPoolExecutor(count, "writer", initializer=first) as pool:
            yield pool
    finally:
        for one in opened:
            one.close()
