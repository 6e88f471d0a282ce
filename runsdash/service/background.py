"""Operations in the background: one small pool of threads for the whole process.

A task sends and receives and nothing else: it submits no further task (the pool is bounded, so that
could wait for itself) and touches no database.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

WORKERS = 16

_lock = threading.Lock()
_executor: ThreadPoolExecutor | None = None


def submit(function: Callable, **parameters: object) -> Future:
    """Runs `function(**parameters)` on the shared pool."""
    return _shared_executor().submit(function, **parameters)


def _shared_executor() -> ThreadPoolExecutor:
    global _executor
    with _lock:
        if _executor is None:
            _executor = ThreadPoolExecutor(WORKERS, thread_name_prefix="runsdash-service")
        return _executor


def _forget_after_fork() -> None:
    global _executor, _lock
    _executor, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget_after_fork)


class Background:
    """`client.background.list_runs(…)` starts the operation and returns its `Future`."""

    def __init__(self, client: object) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Future]:
        if name not in self._client.OPERATIONS:
            raise AttributeError(f"{name!r} is not an operation that can run in the background")
        operation = getattr(self._client, name)
        return lambda **parameters: submit(operation, **parameters)
