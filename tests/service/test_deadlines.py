"""One deadline for the whole operation, however the server dawdles, and no thread is held beyond it."""

import gzip
import os
import socket
import threading
import time

import pytest

from runsdash.service import Client, NoAnswer, UpstreamFailed
from runsdash.service.exchange import MAX_BODY_BYTES
from tests.service.raw_server import RawServer, reply, silence, slowly

pytestmark = pytest.mark.clock
TOLERANCE_S = 0.3


def seconds_to_give_up(server, *, timeout=0.5, operation="retrieve_thread", **options):
    """How long one operation takes to end in `NoAnswer`, and that error."""
    client = Client(server.base_url, "key", timeout=timeout, **options)
    parameters = {"thread_id": "t"} if operation == "retrieve_thread" else {}
    started = time.monotonic()
    with pytest.raises(NoAnswer) as caught:
        getattr(client, operation)(**parameters)
    return time.monotonic() - started, caught.value


def assert_on_time(seconds, timeout=0.5):
    assert timeout - 0.05 <= seconds <= timeout + TOLERANCE_S


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(silence(5), id="nothing"),
        pytest.param(slowly(reply({"id": "t"}), pause_s=0.1), id="dripping headers"),
        pytest.param(slowly(reply({"id": "t"}, "X-A: " + "a" * 50), pause_s=0.1, at_once=40), id="half the headers"),
        pytest.param(slowly(reply({"id": "t" * 99}), pause_s=0.1, at_once=120), id="dripping body"),
        pytest.param(slowly(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 99, pause_s=0.1, at_once=20), id="body without length"),
        pytest.param(
            slowly(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 20, pause_s=0.05, at_once=50
            ),
            id="dripping chunks",
        ),
        pytest.param(slowly(b"HTTP/1.1 100 Continue\r\n\r\n" * 99, pause_s=0.02), id="endless 100 Continue"),
    ],
)
@pytest.mark.parametrize("operation", ["retrieve_thread", "create_thread"])
def test_a_dawdling_server_is_left_on_time(answer, operation):
    with RawServer(answer) as server:
        seconds, error = seconds_to_give_up(server, operation=operation)
    assert_on_time(seconds)
    assert (error.sent, error.timed_out) == (True, True)
    assert error.outcome_unclear == (operation == "create_thread")


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_the_sandbox_dawdles_too(impatient, upstream, finished_run, kind):
    upstream.fault("GET /runs/", kind)
    started = time.monotonic()
    with pytest.raises(NoAnswer):
        impatient.retrieve_run(thread_id=finished_run["thread_id"], run_id=finished_run["id"])
    assert_on_time(time.monotonic() - started)


def test_the_deadline_covers_all_attempts_and_waits():
    busy = reply({}, "Retry-After: 0.2", status="503 Busy")
    with RawServer(busy, busy, silence(5)) as server:
        seconds, error = seconds_to_give_up(server, timeout=0.7, max_retries=5)
        assert len(server.requests) == 3
    assert_on_time(seconds, 0.7)
    assert error.timed_out


def test_a_tls_handshake_that_hangs_was_never_sent():
    with RawServer(lambda _connection: time.sleep(0.8), listens=False) as server:
        server.base_url = server.base_url.replace("http:", "https:")
        seconds, error = seconds_to_give_up(server, operation="create_thread")
    assert_on_time(seconds)
    assert (error.sent, error.timed_out) == (False, True)


def test_an_address_that_does_not_answer_was_never_sent():
    # A listener with a full queue takes no connection: the kernel drops the first packet.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        held = [socket.socket() for _ in range(8)]
        for sock in held:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        client = Client(f"http://127.0.0.1:{port}/v1", timeout=5, connect_timeout_s=0.4)
        started = time.monotonic()
        with pytest.raises(NoAnswer) as caught:
            client.create_thread()
        for sock in held:
            sock.close()
    assert_on_time(time.monotonic() - started, 0.4)
    assert (caught.value.sent, caught.value.timed_out) == (False, True)


def test_a_large_request_that_is_not_read_ends_on_time():
    with RawServer(lambda connection: time.sleep(1.5), listens=False) as server:
        client = Client(server.base_url, timeout=0.5)
        started = time.monotonic()
        with pytest.raises(NoAnswer) as caught:
            client.create_message(thread_id="t", content="x" * 20_000_000)
        assert_on_time(time.monotonic() - started)
    assert (caught.value.sent, caught.value.timed_out) == (True, True)


def test_an_endless_body_is_cut_at_the_cap(client, upstream, finished_run):
    upstream.fault("GET /runs/", "endless")
    with pytest.raises(UpstreamFailed, match=f"longer than {MAX_BODY_BYTES} bytes"):
        client.retrieve_run(thread_id=finished_run["thread_id"], run_id=finished_run["id"])


def test_a_small_body_that_unpacks_to_a_huge_one_is_cut_at_the_cap():
    bomb = gzip.compress(b" " * (MAX_BODY_BYTES + 1_000_000))
    with (
        RawServer(reply(bomb, "Content-Encoding: gzip")) as server,
        pytest.raises(UpstreamFailed, match="longer than"),
    ):
        Client(server.base_url, timeout=10, max_retries=0).retrieve_thread(thread_id="t")


def test_a_file_is_cut_at_the_given_cap():
    with RawServer(reply(b"x" * 1000)) as server:
        client = Client(server.base_url, timeout=5, max_retries=0)
        assert len(client.retrieve_file_content(file_id="f", max_bytes=1000).content) == 1000
        with pytest.raises(UpstreamFailed, match="longer than 999 bytes"):
            client.retrieve_file_content(file_id="f", max_bytes=999)


def test_packed_answers_are_read():
    with RawServer(reply(gzip.compress(b'{"id":"t"}'), "Content-Encoding: gzip")) as server:
        assert Client(server.base_url, timeout=5).retrieve_thread(thread_id="t").id == "t"


def test_a_deadline_does_not_hurt_the_next_operation(client, impatient, upstream, finished_run):
    ids = {"thread_id": finished_run["thread_id"], "run_id": finished_run["id"]}
    upstream.fault("GET /runs/", "hang")
    with pytest.raises(NoAnswer):
        impatient.retrieve_run(**ids)
    for _ in range(3):
        assert impatient.retrieve_run(**ids).is_terminal
    time.sleep(0.6)
    assert client.retrieve_run(**ids).is_terminal


def test_a_connection_is_kept_for_the_next_operation(client, upstream, finished_run):
    """Many operations and one watchdog: nothing is left behind by them."""
    ids = {"thread_id": finished_run["thread_id"], "run_id": finished_run["id"]}
    client.retrieve_run(**ids)
    before = threading.active_count(), open_files()
    for _ in range(20):
        client.retrieve_run(**ids)
    assert (threading.active_count(), open_files()) == before


def open_files():
    return len(os.listdir("/proc/self/fd"))
