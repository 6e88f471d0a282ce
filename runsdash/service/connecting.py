"""Connects a socket to a host name within a given time, whatever DNS and addresses do."""

import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

from .addresses import is_link_local


def connected_socket(
    host: str, port: int, until: float, options: Sequence[tuple[Any, ...]], *, allow_link_local: bool = False
) -> socket.socket:
    """Tries the host's addresses in turn, each with its share of the time until `until` (monotonic).

    Link-local addresses are left out unless allowed. Raises `OSError`, as `TimeoutError` when time ran out. The caller
    closes the socket.
    """
    failure: OSError = OSError("the name has no address")
    found = addresses_of(host, port, until)
    addresses = [one for one in found if allow_link_local or not is_link_local(one[-1][0])]
    if found and not addresses:
        raise OSError(refusal_of_link_local(found[0][-1][0]))
    for place, (family, kind, protocol, _name, address) in enumerate(addresses):
        share_s = (until - time.monotonic()) / (len(addresses) - place)
        sock = socket.socket(family, kind, protocol)
        try:
            for option in options:
                sock.setsockopt(*option)
            sock.settimeout(max(0.001, share_s))
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure


def refusal_of_link_local(address: str) -> str:
    return f"{address} is a link-local address or one of a cloud's metadata, which RUNSDASH_API_ALLOW_LINK_LOCAL allows"


def addresses_of(host: str, port: int, until: float) -> list[Any]:
    """Looks a host up until `until`, on a thread of its own, because getaddrinfo cannot be interrupted."""
    found: list[Any] = []

    def look_up() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.append(error)

    thread = threading.Thread(target=look_up, name="runsdash-dns", daemon=True)
    thread.start()
    thread.join(max(0.0, until - time.monotonic()))
    if not found:
        raise TimeoutError("the name lookup took too long")
    addresses = found[0]
    if isinstance(addresses, Exception):
        raise OSError(f"the name {host} could not be found")
    return list(addresses)
