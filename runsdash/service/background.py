"""Runs operations in the background, on one small pool of threads for the whole process.

A task sends and receives and nothing else: it submits no further task (the pool is bounded, so that
could wait for itself) and touches no database. It sees the context variables of whoever submits it.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

from .operations import AllOperations

WORKERS = 16

P = ParamSpec("P")
Answer = TypeVar("Answer")

_lock = threading.Lock()
_executor: ThreadPoolExecutor | None = None


class Background:
    """Starts an operation and returns its `Future`: `client.background.list_runs(…)`.

    Each operation is written out, so that editors and type checkers know its parameters and its answer.
    """

    def __init__(self, client: AllOperations) -> None:
        self.create_run = _in_background(client.create_run)
        self.create_thread_and_run = _in_background(client.create_thread_and_run)
        self.list_runs = _in_background(client.list_runs)
        self.retrieve_run = _in_background(client.retrieve_run)
        self.modify_run = _in_background(client.modify_run)
        self.cancel_run = _in_background(client.cancel_run)
        self.submit_tool_outputs = _in_background(client.submit_tool_outputs)
        self.list_run_steps = _in_background(client.list_run_steps)
        self.retrieve_run_step = _in_background(client.retrieve_run_step)
        self.create_thread = _in_background(client.create_thread)
        self.list_threads = _in_background(client.list_threads)
        self.retrieve_thread = _in_background(client.retrieve_thread)
        self.modify_thread = _in_background(client.modify_thread)
        self.delete_thread = _in_background(client.delete_thread)
        self.create_message = _in_background(client.create_message)
        self.list_messages = _in_background(client.list_messages)
        self.retrieve_message = _in_background(client.retrieve_message)
        self.create_assistant = _in_background(client.create_assistant)
        self.list_assistants = _in_background(client.list_assistants)
        self.retrieve_assistant = _in_background(client.retrieve_assistant)
        self.retrieve_file_content = _in_background(client.retrieve_file_content)


def submit(function: Callable[P, Answer], *args: P.args, **parameters: P.kwargs) -> Future[Answer]:
    """Runs `function(*args, **parameters)` on the shared pool."""
    return _shared_executor().submit(partial(copy_context().run, function, *args, **parameters))


def _in_background(operation: Callable[P, Answer]) -> Callable[P, Future[Answer]]:
    def start(*args: P.args, **parameters: P.kwargs) -> Future[Answer]:
        return submit(operation, *args, **parameters)

    return start


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
