"""Upstreams may be at private addresses, not at link-local ones nor where a cloud keeps its secrets."""

import socket
import time

import pytest

from runsdash.service import Client, InvalidRequest, NoAnswer
from runsdash.service.addresses import is_link_local
from runsdash.service.connecting import connected_socket

WRITTEN = [
    "169.254.169.254", "169.254.1.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "[fe80::1]", "[fd00:ec2::254]",
    "[fd20:ce::254]", "[::ffff:169.254.169.254]", "[::169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]",
    "[64:ff9b:1:a9fe:a9:fe00::]", "[::ffff:0:169.254.169.254]", "[fd00::5efe:a9fe:a9fe]",
]  # fmt: skip
LOOKED_UP = ["2852039166", "0xa9fea9fe", "169.254.43518", "0251.0376.0251.0376"]  # what a lookup takes for such a one
PRIVATE = ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "[::1]", "[fd00::1]", "[64:ff9b::a00:1]"]


@pytest.mark.parametrize("host", WRITTEN)
def test_a_written_address_is_refused_at_once(host):
    with pytest.raises(InvalidRequest, match="RUNSDASH_API_ALLOW_LINK_LOCAL") as refusal:
        Client(f"http://{host}/v1", "key")
    assert refusal.value.param == "base_url"
    Client(f"http://{host}/v1", "key", allow_link_local=True)


@pytest.mark.parametrize("host", LOOKED_UP)
def test_what_a_name_stands_for_is_refused_before_anything_is_sent(host):
    client = Client(f"http://{host}/v1", "key", timeout=2, max_retries=0)
    began = time.monotonic()
    for read in (client.list_assistants, client.create_thread):
        with pytest.raises(NoAnswer, match=r"169\.254\.169\.254 is a link-local address") as refusal:
            read()
        assert not refusal.value.sent
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("host", PRIVATE)
def test_private_addresses_are_taken(host):
    Client(f"http://{host}/v1", "key")
    assert not is_link_local(host.strip("[]"))


def test_it_can_be_allowed():
    """What is allowed is tried, where a socket would be connected, whatever comes of it here."""
    tried = []
    for is_allowed in (False, True):
        try:
            connected_socket("169.254.255.254", 9, time.monotonic() + 0.2, [], allow_link_local=is_allowed).close()
        except OSError as failure:
            tried.append("link-local" not in str(failure))
        else:
            tried.append(True)
    assert tried == [False, True]


def test_one_good_address_is_enough():
    with socket.create_server(("127.0.0.1", 0)) as server:
        connected_socket("localhost", server.getsockname()[1], time.monotonic() + 2, []).close()
