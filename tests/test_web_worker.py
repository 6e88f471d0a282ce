"""The web server as it is delivered, against clients that send slowly, wrongly or in pieces."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runsdash.arriving import BODY_S, HEAD_MAX, HEAD_S, Arriving, RefusedRequest
from tests.browser.site import environment
from tests.free_ports import gunicorn
from tests.upstream import ROOT

SLOW_CLIENTS = 24  # three for each thread
ANSWER_S = 8
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /healthz HTTP/1.1\r\nHost: localhost\r\n"
GOODBYE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
SCRIPT = b"GET /static/js/page.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF_A_HEAD = b"GET /healthz HTTP/1.1\r\nHost: loc"
HALF_A_BODY = POST + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 4000\r\n\r\nlogin="
PLAIN = POST + b"Content-Length: 11\r\n\r\nhello=world"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=1\r\n=world\r\n0\r\nTrailer: 1\r\n\r\n"


def served(folder: Path) -> tuple[subprocess.Popen, int]:
    with gunicorn() as (port, command, number):
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(folder), stdin=subprocess.DEVNULL, pass_fds=(number,)
        )
    return process, port


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where one process with eight threads listens. Half a request does not keep it from stopping."""
    process, port = served(tmp_path_factory.mktemp("served"))
    try:
        assert answer(port, HEALTH, within_s=30).startswith(b"HTTP/1.1 200 ")
        yield port
        with dialled(port, HALF_A_BODY):
            process.terminate()
            assert process.wait(timeout=ANSWER_S) == 0
    finally:
        process.kill()
        process.wait(timeout=5)


@contextlib.contextmanager
def dialled(port: int, *said: bytes) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S) as wire:
        for block in said:
            wire.sendall(block)
        yield wire


def answer(port: int, *said: bytes, within_s: float = ANSWER_S) -> bytes:
    with dialled(port, *said) as wire:
        wire.settimeout(within_s)
        return wire.recv(65536)


@pytest.mark.parametrize("half", [HALF_A_HEAD, HALF_A_BODY, b""])
def test_who_sends_half_a_request_keeps_nobody_waiting(half: bytes, port: int) -> None:
    with contextlib.ExitStack() as slow:
        wires = [slow.enter_context(dialled(port, half)) for _ in range(SLOW_CLIENTS)]
        assert answer(port, HEALTH).startswith(b"HTTP/1.1 200 ")
        for wire in wires[:3]:  # they are answered as soon as they end what they say
            wire.sendall(b"\r\n\r\n" if half == HALF_A_HEAD else b"x" * 3994 if half else HEALTH)
            assert wire.recv(65536).startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize("said", [GOODBYE, b"x" * 10 + b"\r\n\r\n"])
def test_who_is_told_to_go_and_stays_keeps_nobody_waiting(said: bytes, port: int) -> None:
    """gunicorn would wait two seconds for each, and hear nobody meanwhile."""
    with contextlib.ExitStack() as stack:
        for wire in [stack.enter_context(dialled(port, said)) for _ in range(SLOW_CLIENTS)]:
            assert wire.recv(65536).startswith(b"HTTP/1.1 ")
        assert answer(port, HEALTH).startswith(b"HTTP/1.1 200 ")


def test_who_reads_nothing_leaves_threads_for_others(port: int) -> None:
    """Many answers in a row do not fit into a socket's buffer, so that a thread waits for their reader."""
    with contextlib.ExitStack() as stack:
        for _ in range(SLOW_CLIENTS):
            wire = stack.enter_context(socket.socket())
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            wire.connect(("127.0.0.1", port))
            wire.sendall(SCRIPT * 60)
        for _ in range(30):
            time.sleep(0.1)
            assert answer(port, HEALTH).startswith(b"HTTP/1.1 200 ")


def test_requests_on_one_connection_are_answered_in_turn_also_when_they_come_at_once(port: int) -> None:
    with dialled(port, HEALTH + PLAIN + CHUNKED + HEALTH[:-10]) as wire:
        got = b""
        while got.count(b"HTTP/1.1 ") < 3:
            got += wire.recv(65536)
        wire.sendall(HEALTH[-10:])
        while got.count(b"HTTP/1.1 ") < 4:
            got += wire.recv(65536)


def test_a_client_that_waits_for_leave_gets_it(port: int) -> None:
    with dialled(port, POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n") as wire:
        assert wire.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.sendall(b"hello")
        assert b"HTTP/1.1 " in wire.recv(65536)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"GET / HTTP/1.1\r\nX: " + b"x" * (HEAD_MAX + 9), b"431"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", b"400"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 300, b"400"),
        (POST + b"Content-Length: 99999999999\r\n\r\n", b"413"),
        (POST + b"Content-Length: 00000000000000000005\r\n\r\nhello", b"400"),
        (POST + b"Content-Length: +5\r\n\r\nhello", b"400"),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"414"),
    ],
)
def test_what_is_too_long_or_wrong_is_refused(said: bytes, status: bytes, port: int) -> None:
    assert answer(port, said).split()[1] == status


def test_an_address_as_long_as_a_log_line_is_taken(port: int) -> None:
    line = b"GET /go/?id=" + b"x" * 7000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert answer(port, line).split()[1] != b"414"


def test_a_large_body_comes_whole(port: int) -> None:
    body = b"x" * 3_000_000
    assert answer(port, POST + b"Content-Length: 3000000\r\n\r\n", body, within_s=20).startswith(b"HTTP/1.1 ")


@pytest.mark.long
@pytest.mark.parametrize(("half", "limit_s"), [(HALF_A_HEAD, HEAD_S), (HALF_A_BODY, BODY_S)])
def test_what_does_not_get_on_is_closed_also_when_it_drips(half: bytes, limit_s: float, port: int) -> None:
    began = time.monotonic()
    with dialled(port, half) as wire, ThreadPoolExecutor(1) as pool:
        wire.settimeout(limit_s + ANSWER_S)
        ended = pool.submit(wire.recv, 65536)
        while not ended.done() and time.monotonic() < began + limit_s + ANSWER_S:
            with contextlib.suppress(OSError):
                wire.sendall(b"x")
            time.sleep(0.5)
        assert ended.result().startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - began >= limit_s / 2


# Where a request ends


def arrived(*blocks: bytes) -> tuple[bytes, bytes]:
    """What belongs to the request and what came behind it."""
    request = Arriving()
    for number, block in enumerate(blocks, 1):
        if request.take(block):
            return b"".join(request.blocks()), request.rest + b"".join(blocks[number:])
    raise AssertionError("the request does not end")


@given(
    request=st.sampled_from([HEALTH, PLAIN, CHUNKED, POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"]),
    behind=st.binary(max_size=20),
    places=st.lists(st.integers(0, 250)),
)
def test_a_request_ends_at_the_same_place_however_it_is_cut(request: bytes, behind: bytes, places: list[int]) -> None:
    whole = request + behind
    cuts = [0, *sorted(place for place in places if place < len(whole)), len(whole)]
    blocks = [whole[start:end] for start, end in pairwise(cuts)]
    assert arrived(*blocks) == (request, behind)


def test_more_time_is_given_as_more_of_a_body_comes() -> None:
    request = Arriving()
    request.take(POST + b"Content-Length: 100000000\r\n\r\n")
    before = request.deadline
    for _ in range(10):
        request.take(b"x" * 65536)
    request.close()
    assert request.deadline > before + 30


def test_a_body_beyond_all_limits_is_refused_also_in_chunks() -> None:
    request = Arriving(body_max=100_000)
    request.take(POST + b"Transfer-Encoding: chunked\r\n\r\n")
    assert not request.take(b"ffff\r\n" + b"x" * 65535 + b"\r\n")
    with pytest.raises(RefusedRequest, match="413"):
        request.take(b"ffff\r\n" + b"x" * 65535 + b"\r\n")
    request.close()
