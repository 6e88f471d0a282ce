"""Reads are retried, within the deadline and as the server asks; writes never are."""

import ast
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from runsdash.service import Backoff, Client, NoAnswer, RateLimited, ServiceError, UpstreamFailed, retry
from runsdash.service.retry import LONGEST_REMEMBERED_WAIT_S, next_wait_s, retry_after_s
from tests.service.raw_server import RawServer, received, reply, slowly

GOOD = reply({"id": "thread_1"})


def failing(status, *headers):
    return reply({"error": {"message": "No."}}, *headers, status=status)


def tries(*answers, operation="retrieve_thread", **options):
    """How many requests a read takes, and what it ends with."""
    parameters = {"thread_id": "thread_1"} if operation == "retrieve_thread" else {}
    with RawServer(*answers) as server:
        client = Client(server.base_url, "key", **{"timeout": 5, **options})
        try:
            ending = getattr(client, operation)(**parameters)
        except ServiceError as error:
            ending = error
        return len(server.requests), ending


@pytest.mark.parametrize("status", ["408 Late", "409 Busy", "429 Slow down", "500 Oops", "502 Bad", "503 Busy"])
def test_a_read_is_tried_again(status):
    count, ending = tries(failing(status, "retry-after-ms: 1"), GOOD)
    assert (count, ending.id) == (2, "thread_1")


@pytest.mark.parametrize("status", ["400 No", "401 No", "404 No", "422 No", "501 No"])
def test_a_read_that_was_refused_is_not(status):
    count, ending = tries(failing(status, "retry-after-ms: 1"), GOOD)
    assert count == 1
    assert isinstance(ending, ServiceError)


def test_the_server_may_say_whether_to_retry():
    assert tries(failing("500 No", "x-should-retry: false"), GOOD)[0] == 1
    assert tries(failing("400 No", "x-should-retry: true", "retry-after-ms: 1"), GOOD)[0] == 2


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_read_is_retried_as_often_as_allowed(retries):
    count, ending = tries(failing("500 No", "retry-after-ms: 1"), max_retries=retries)
    assert count == retries + 1
    assert isinstance(ending, UpstreamFailed)


@pytest.mark.parametrize("status", ["409 Busy", "429 Slow down", "500 Oops", "503 Busy"])
def test_a_write_is_never_retried(status):
    answer = failing(status, "x-should-retry: true", "retry-after-ms: 1")
    assert tries(answer, GOOD, operation="create_thread")[0] == 1


def test_a_write_is_not_retried_after_a_reset(client, upstream):
    upstream.fault("POST /threads$", "reset_before", times=None)
    with pytest.raises(NoAnswer):
        client.create_thread()
    assert len(upstream.requests(method="POST")) == 1


def test_a_read_is_retried_after_a_reset(client, upstream, finished_run):
    upstream.fault("GET /runs/", "reset_before")
    run = client.retrieve_run(thread_id=finished_run["thread_id"], run_id=finished_run["id"])
    assert run.status == "completed"


def test_a_read_is_retried_after_a_body_that_broke_off(client, upstream, finished_run):
    upstream.fault("GET /runs/", "truncate")
    assert client.retrieve_run(thread_id=finished_run["thread_id"], run_id=finished_run["id"]).is_terminal


def test_a_read_is_not_retried_after_a_time_out(impatient, upstream, finished_run):
    upstream.clear_requests()
    upstream.fault("GET /runs/", "hang", times=None)
    with pytest.raises(NoAnswer):
        impatient.with_patience(max_retries=3).retrieve_run(
            thread_id=finished_run["thread_id"], run_id=finished_run["id"]
        )
    assert len(upstream.requests(path="/runs/")) == 1


@pytest.mark.clock
def test_retry_after_is_obeyed():
    started = time.monotonic()
    count, _ending = tries(failing("429 Slow down", "Retry-After: 0.3"), GOOD)
    assert count == 2
    assert 0.3 <= time.monotonic() - started < 1


@pytest.mark.clock
def test_back_off_fits_into_the_deadline():
    started = time.monotonic()
    count, ending = tries(failing("500 No"), timeout=0.3)
    assert (count, ending.status) == (1, 500)
    assert time.monotonic() - started < 0.3


def test_back_off_doubles_to_eight_seconds_less_a_quarter_at_most():
    for failures, full in [(1, 0.5), (2, 1), (3, 2), (5, 8), (9, 8), (500, 8)]:
        assert full * 0.75 <= next_wait_s(failures) <= full


@pytest.mark.clock
def test_a_wait_beyond_the_deadline_fails_at_once_and_is_remembered():
    shared = Backoff()
    with RawServer(failing("429 Slow down", "Retry-After: 30"), GOOD) as server:
        started = time.monotonic()
        with pytest.raises(RateLimited) as caught:
            Client(server.base_url, timeout=2, backoff=shared).retrieve_thread(thread_id="thread_1")
        assert caught.value.retry_after_s == 30
        with pytest.raises(RateLimited, match="Nothing was sent") as caught:
            Client(server.base_url, timeout=2, backoff=shared).retrieve_run(thread_id="thread_1", run_id="r")
        assert 29 < caught.value.retry_after_s <= 30
        assert time.monotonic() - started < 1
        assert len(server.requests) == 1


def test_a_wait_owed_by_reads_does_not_stop_a_write():
    with RawServer(failing("429 Slow down", "Retry-After: 30"), GOOD) as server:
        client = Client(server.base_url, timeout=2)
        with pytest.raises(RateLimited):
            client.retrieve_thread(thread_id="thread_1")
        assert client.create_thread().id == "thread_1"


@pytest.mark.clock
def test_a_wait_owed_by_writes_stops_the_next_write():
    with RawServer(failing("429 Slow down", "Retry-After: 0.3"), GOOD) as server:
        client = Client(server.base_url, timeout=2)
        for _ in range(2):
            with pytest.raises(RateLimited):
                client.create_thread()
        assert len(server.requests) == 1
        assert client.retrieve_thread(thread_id="thread_1").id == "thread_1"
        time.sleep(0.35)
        assert client.create_thread().id == "thread_1"


def test_no_server_keeps_a_connection_silent_for_long():
    backoff = Backoff()
    backoff.remember(is_write=False, retry_after_s=1e8)
    assert backoff.wait_s(is_write=False) <= LONGEST_REMEMBERED_WAIT_S
    assert backoff.wait_s(is_write=True) == 0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e300"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({}, None),
    ],
)
def test_retry_after_in_all_its_forms(headers, seconds):
    assert retry_after_s(headers) == seconds


def test_retry_after_as_a_date():
    moment = datetime.now(UTC) + timedelta(seconds=60)
    assert 58 < retry_after_s({"retry-after": format_datetime(moment, usegmt=True)}) <= 60


class Turnstile:
    """A gate that counts, and closes after some admissions."""

    def __init__(self, places=100):
        self.places = places
        self.seen = []

    def admit(self, *, is_write, deadline):
        assert deadline > time.monotonic()
        if self.places == 0:
            raise RateLimited("The budget of this minute is spent.", retry_after_s=9)
        self.places -= 1

    def observe(self, *, status, retry_after_s, seconds):
        assert 0 <= seconds < 5
        self.seen.append((status, retry_after_s))


def test_a_gate_is_asked_before_and_told_after_every_attempt():
    gate = Turnstile()
    tries(failing("500 No", "retry-after-ms: 1"), GOOD, gate=gate)
    assert gate.seen == [(500, 0.001), (200, None)]
    assert gate.places == 98


def test_a_gate_is_told_of_no_answer():
    gate = Turnstile()
    assert isinstance(tries(b"", gate=gate, max_retries=0)[1], NoAnswer)
    assert gate.seen == [(None, None)]


def test_a_closed_gate_stops_the_request_and_is_not_taken_for_the_server():
    gate = Turnstile(places=0)
    backoff = Backoff()
    count, ending = tries(GOOD, gate=gate, backoff=backoff)
    assert (count, type(ending), ending.retry_after_s, gate.seen) == (0, RateLimited, 9, [])
    assert backoff.wait_s(is_write=False) == 0


@pytest.mark.parametrize(("idle_s", "connections"), [(0, 1), (1.1, 2)])
def test_a_write_never_uses_a_connection_that_was_idle(idle_s, connections):
    """The server might be closing it at that moment, and nobody could tell whether the write arrived."""
    whole = GOOD.replace(b"Connection: close\r\n", b"")

    def keep_open(connection):
        connection.sendall(whole)
        connection.settimeout(1.5)
        if received(connection):
            connection.sendall(whole)

    with RawServer(keep_open) as server:
        client = Client(server.base_url, timeout=5, max_retries=0)
        client.retrieve_thread(thread_id="thread_1")
        time.sleep(idle_s)
        client.create_thread()
        assert len(server.requests) == connections


@pytest.mark.clock
def test_a_read_that_met_a_closing_connection_is_repeated_without_a_wait():
    def closing(connection):
        connection.sendall(GOOD.replace(b"Connection: close\r\n", b""))
        received(connection)

    with RawServer(closing, GOOD) as server:
        client = Client(server.base_url, timeout=5, max_retries=1)
        client.retrieve_thread(thread_id="thread_1")
        started = time.monotonic()
        client.retrieve_thread(thread_id="thread_1")
        assert time.monotonic() - started < 0.3
        assert len(server.requests) == 2


def test_the_process_may_fork():
    """Threads, sockets and the pool of the parent are not used by a child."""
    script = """
import os, sys, time
from runsdash.service import Client, NoAnswer
client = Client(sys.argv[1], "key", timeout=0.5, max_retries=0)
client.retrieve_thread(thread_id="thread_1")
client.background.retrieve_thread(thread_id="thread_1").result(5)
if os.fork() == 0:
    assert client.background.retrieve_thread(thread_id="thread_1").result(5).id == "thread_1"
    started = time.monotonic()
    try:
        client.retrieve_thread(thread_id="thread_1")
    except NoAnswer:
        os._exit(7 if time.monotonic() - started < 1 else 1)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    drip = slowly(GOOD, pause_s=0.1)
    with RawServer(GOOD, GOOD, GOOD, drip) as server:
        command = [sys.executable, "-W", "ignore", "-c", script, server.base_url]
        assert subprocess.run(command, timeout=20, check=False).returncode == 7


@pytest.mark.clock
def test_a_kept_connection_that_went_stale_is_replaced_at_once(upstream):
    client = Client(upstream.base_url, upstream.api_key, timeout=5)
    client.list_assistants()
    upstream.restart()
    started = time.monotonic()
    client.list_assistants()
    client.create_thread()
    assert time.monotonic() - started < 0.4


@pytest.mark.parametrize("module", ["exchange", "transport", "refusals", "wire"])
def test_no_other_module_has_a_number_or_status_of_retries(module):
    """What is retried, how often and after how long stands in retry.py alone."""
    tree = ast.parse((Path(retry.__file__).parent / f"{module}.py").read_text())
    numbers = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    decisive = {*retry.RETRIED_STATUSES, *retry.REMEMBERED_STATUSES, retry.NOT_IMPLEMENTED, "x-should-retry"}
    assert not numbers & decisive
