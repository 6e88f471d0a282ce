"""Faults: what each kind does on the wire, and that it does it exactly as often as ordered."""

import contextlib
import http.client
import json
import socket
import time
import urllib.error

import pytest

from tests.sandbox.replies import open_stream
from tests.upstream import Sandbox

BODY = {
    "assistant_id": "asst_sandbox_dispatch",
    "thread": {"messages": [{"role": "user", "content": "/long 60"}]},
    "stream": True,
}


def fetch(upstream, path: str = "/assistants", *, timeout_s: float = 5) -> tuple[int, dict, bytes]:
    """Status, headers and raw body of one GET, on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", upstream.port, timeout=timeout_s)
    with contextlib.closing(connection):
        connection.request("GET", "/v1" + path, headers={"Authorization": f"Bearer {upstream.api_key}"})
        reply = connection.getresponse()
        return reply.status, dict(reply.getheaders()), reply.read()


@pytest.mark.parametrize("kind", ["401", "404", "429", "500", "501", "502"])
def test_refusals_have_the_error_body(upstream, kind):
    upstream.fault("GET /assistants$", kind)
    status, headers, content = fetch(upstream)
    assert status == int(kind)
    assert json.loads(content)["error"]["message"]
    assert headers["x-request-id"].startswith("req_")
    assert fetch(upstream)[0] == 200


def test_a_fault_comes_as_often_as_ordered(upstream):
    upstream.fault("/assistants", "500", times=2)
    upstream.fault("POST /assistants", "502", times=None)
    assert [fetch(upstream)[0] for _ in range(3)] == [500, 500, 200]
    assert upstream.refusal("POST", "/assistants", {})[0] == 502
    assert upstream.refusal("POST", "/assistants", {})[0] == 502
    upstream.clear_faults()
    assert upstream.refusal("POST", "/assistants", {})[0] == 400


def test_retry_after(upstream):
    upstream.fault("", "429", retry_after_s=7)
    assert fetch(upstream)[1]["Retry-After"] == "7"


def test_html_of_a_proxy(upstream):
    upstream.fault("", "html")
    status, headers, content = fetch(upstream)
    assert (status, headers["Content-Type"]) == (502, "text/html")
    assert b"<h1>502 Bad Gateway</h1>" in content


@pytest.mark.clock
def test_delay_answers_in_the_end(upstream):
    upstream.fault("", "delay", delay_s=0.4)
    began = time.monotonic()
    assert fetch(upstream)[0] == 200
    assert 0.4 <= time.monotonic() - began < 3


def test_hang_says_nothing(upstream):
    upstream.fault("", "hang")
    with pytest.raises(TimeoutError):
        fetch(upstream, timeout_s=0.4)
    assert upstream.requests(path="/assistants")[0]["status"] is None
    assert fetch(upstream)[0] == 200


def test_truncate_breaks_the_body_off(upstream):
    upstream.fault("", "truncate")
    with pytest.raises(http.client.IncompleteRead):
        fetch(upstream)


@pytest.mark.clock
def test_drip_sends_byte_by_byte(upstream):
    upstream.fault("", "drip", interval_s=0.002)
    began = time.monotonic()
    status, _, content = fetch(upstream, "/models")
    assert status == 200
    assert len(json.loads(content)["data"]) > 2
    assert time.monotonic() - began > 0.002 * len(content)


def test_endless_never_ends(upstream):
    upstream.fault("", "endless")
    connection = http.client.HTTPConnection("127.0.0.1", upstream.port, timeout=5)
    with contextlib.closing(connection):
        connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {upstream.api_key}"})
        assert len(connection.getresponse().read(3_000_000)) == 3_000_000


@pytest.mark.parametrize(("kind", "made"), [("reset_before", 0), ("reset_after", 1)])
def test_resets_before_and_after_the_effect(upstream, kind, made):
    thread = upstream.post("/threads")["id"]
    upstream.fault("POST /messages$", kind)
    with pytest.raises((ConnectionResetError, urllib.error.URLError)) as broken:
        upstream.post(f"/threads/{thread}/messages", {"role": "user", "content": "once"})
    assert "reset" in str(broken.value).lower()
    assert len(upstream.get(f"/threads/{thread}/messages")["data"]) == made


def test_wrong_types_and_bytes(upstream):
    upstream.fault("", "wrong_type")
    assert json.loads(fetch(upstream)[2])["id"] == 17
    upstream.fault("", "invalid_utf8")
    with pytest.raises(UnicodeDecodeError):
        fetch(upstream)[2].decode()


def read_stream(upstream) -> bytes:
    with open_stream(upstream, "/threads/runs", BODY) as reply:
        return reply.read()


def test_a_stream_cut_in_the_middle(upstream):
    upstream.fault("POST", "truncate", after_events=5)
    with pytest.raises(http.client.IncompleteRead) as cut:
        read_stream(upstream)
    assert cut.value.partial.count(b"event: ") == 5


def test_a_stream_reset_in_the_middle(upstream):
    upstream.fault("POST", "reset_after", after_events=2)
    with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
        read_stream(upstream)


def test_a_stream_with_an_error_event(upstream):
    upstream.fault("POST", "error", after_events=4)
    with pytest.raises(http.client.IncompleteRead) as cut:
        read_stream(upstream)
    assert cut.value.partial.endswith(b'"param":null,"type":"server_error"}\n\n')
    assert b"event: error\n" in cut.value.partial


def test_a_dripping_stream_is_whole(upstream):
    upstream.fault("POST", "drip", interval_s=0)
    assert read_stream(upstream).endswith(b"event: done\ndata: [DONE]\n\n")


def test_an_unknown_kind_is_refused(upstream):
    with pytest.raises(urllib.error.HTTPError) as refused:
        upstream.fault("", "gremlins")
    with refused.value:
        assert refused.value.code == 400


def test_faults_by_chance_are_the_same_for_the_same_seed():
    def statuses() -> list[int]:
        with Sandbox("--faults", "500:0.3,html:0.2", "--seed", "4") as upstream:
            return [fetch(upstream)[0] for _ in range(40)]

    first = statuses()
    assert first == statuses()
    assert {200, 500, 502} == set(first)
    assert 8 <= len([one for one in first if one != 200]) <= 30


@pytest.mark.clock
def test_latency_applies_to_every_reply():
    with Sandbox("--latency-ms", "120") as upstream:
        began = time.monotonic()
        fetch(upstream)
        assert time.monotonic() - began >= 0.12


def test_a_broken_request_does_not_stop_the_server(upstream):
    for raw in (b"\x00\xff\r\n\r\n", b"GET /v1/assistants HTTP/1.1\r\nContent-Length: abc\r\n\r\n", b"POST /v1/x"):
        with socket.create_connection(("127.0.0.1", upstream.port), timeout=3) as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(200)
    assert fetch(upstream)[0] == 200
