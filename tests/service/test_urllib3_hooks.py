"""The parts of urllib3 that deadlines hang on are there, and are used (docs/decisions/0011)."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager

from runsdash.service import wire

SEEN_FROM, SEEN_TO = (2, 8), (2, 8)
DECISION = "docs/decisions/0011-deadline-by-urllib3-hooks.md says what hangs on it"
HOOKS = [
    *((kind, name) for kind in (HTTPConnection, HTTPSConnection) for name in ("_new_conn", "connect", "send")),
    *((kind, name) for kind in (HTTPConnectionPool, HTTPSConnectionPool) for name in ("_get_conn", "_put_conn")),
]


def test_the_version_of_urllib3_was_seen_with_the_hooks():
    version = tuple(int(part) for part in urllib3.__version__.split(".")[:2])
    assert SEEN_FROM <= version <= SEEN_TO, (
        f"urllib3 {urllib3.__version__} is new to our hooks: run tests/service with it, then widen the range. "
        f"{DECISION}."
    )


@pytest.mark.parametrize(("kind", "name"), HOOKS, ids=lambda value: getattr(value, "__name__", value))
def test_a_hook_is_there(kind, name):
    assert callable(getattr(kind, name, None)), (
        f"urllib3 {urllib3.__version__} has no {kind.__name__}.{name}; {DECISION}"
    )


def test_the_names_that_the_hooks_read_are_there():
    connection = HTTPConnection("example.test", 80)
    for name in ("_dns_host", "port", "socket_options", "sock"):
        assert hasattr(connection, name), f"a connection of urllib3 {urllib3.__version__} has no {name}; {DECISION}"
    assert set(PoolManager().pool_classes_by_scheme) == {"http", "https"}, f"the pools have moved; {DECISION}"


def test_a_request_goes_through_the_hooks(upstream):
    first, second = attempts_at(upstream, pause_s=0)
    assert first.connected_anew, f"the connection was not made by our `_new_conn`; {DECISION}"
    assert first.sent, f"the request was not written by our `send`; {DECISION}"
    assert second.reused_connection, f"the connection did not go back to our pool; {DECISION}"


def test_a_write_takes_no_connection_that_was_idle(upstream):
    _, second = attempts_at(upstream, pause_s=wire.IDLE_BEFORE_WRITE_S + 0.1)
    assert not second.reused_connection, f"our `_get_conn` was not asked; {DECISION}"


def attempts_at(upstream, *, pause_s):
    """A read and then a write, on a thread of their own: connections belong to threads."""
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(attempt_at, upstream, is_write=False).result(timeout=10)
        time.sleep(pause_s)
        return first, thread.submit(attempt_at, upstream, is_write=True).result(timeout=10)


def attempt_at(upstream, *, is_write):
    attempt = wire.Attempt(due_at=time.monotonic() + 5, connect_timeout_s=5, is_write=is_write)
    headers = {"Authorization": f"Bearer {upstream.api_key}"}
    request = requests.Request("GET", f"{upstream.base_url}/assistants", headers=headers)
    response = attempt.send(request, read_timeout_s=5, verify=True)
    assert b"".join(wire.body_pieces(response))
    wire.close(response)
    attempt.close()
    return attempt
