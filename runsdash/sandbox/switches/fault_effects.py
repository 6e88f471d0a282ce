"""Spoils a reply that is ready but not sent, as its fault demands."""

import socket
import struct
import time
from collections.abc import Iterator

from runsdash.sandbox.json_objects import JsonObject, dump, load
from runsdash.sandbox.protocol.errors import ApiError

from .faults import Fault

HANG_S = 600.0
POLL_S = 0.05
ENDLESS_PIECE = b" " * 4096
PROXY_PAGE = b"""<html>
<head><title>502 Bad Gateway</title></head>
<body><center><h1>502 Bad Gateway</h1></center><hr><center>edge proxy</center></body>
</html>
"""
REFUSALS = {
    "401": ("Incorrect API key provided.", "invalid_api_key"),
    "404": ("No object found with that id. (Injected by the sandbox.)", None),
    "429": ("Rate limit reached for requests. (Injected by the sandbox.)", "rate_limit_exceeded"),
    "500": ("The server had an error while processing your request. (Injected by the sandbox.)", None),
    "501": ("The server cannot answer at the moment; try again later. (Injected by the sandbox.)", None),
    "502": ("Bad gateway. (Injected by the sandbox.)", None),
}
NAMES = ("id", "thread_id", "run_id")
BEFORE = frozenset({*REFUSALS, "html", "hang", "reset_before"})


def refusal(fault: Fault) -> ApiError:
    """Makes the error that stands for the real reply."""
    message, code = REFUSALS[fault.kind]
    headers = {} if fault.retry_after_s is None else {"Retry-After": f"{fault.retry_after_s:g}"}
    type = "server_error" if fault.kind.startswith("5") else "invalid_request_error"
    return ApiError(status=int(fault.kind), message=message, type=type, code=code, headers=headers)


def reset(connection: socket.socket) -> None:
    """Makes closing the socket send RST, so the client sees a reset and no end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang(connection: socket.socket, fault: Fault) -> None:
    """Says nothing until the client goes away or ten minutes have passed."""
    until = time.monotonic() + HANG_S
    while time.monotonic() < until and not has_left(connection):
        time.sleep(POLL_S)


def has_left(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def damaged(fault: Fault | None, content: bytes) -> bytes:
    """Returns the body after faults that change its bytes."""
    if fault is None:
        return content
    if fault.kind == "empty":
        return b""
    if fault.kind == "wrong_type":
        return b'{"id":17,"object":["thread.run"],"status":{"is":"odd"},"created_at":"soon","data":"none"}'
    if fault.kind == "foreign":
        return dump(foreign(load(content))).encode()
    if fault.kind == "invalid_utf8":
        return content[:-1] + b',"odd":"\xff\xfe\xc3("' + content[-1:] if content[:1] == b"{" else b"\xff\xfe" + content
    return content


def foreign(value: JsonObject) -> JsonObject:
    """Gives an object, or those of a list, the ids of another."""
    if "data" in value:
        return value | {"data": [foreign(item) for item in value["data"]]}
    return value | {name: f"{value[name]}_other" for name in NAMES if isinstance(value.get(name), str)}


def dripped(content: bytes, fault: Fault) -> Iterator[bytes]:
    """Yields one byte at a time."""
    for at in range(len(content)):
        time.sleep(fault.interval_s)
        yield content[at : at + 1]


def endless(content: bytes) -> Iterator[bytes]:
    """Yields the start of the body, then blanks for ever."""
    yield content[: max(len(content) - 1, 1)]
    while True:
        yield ENDLESS_PIECE


def error_frame() -> bytes:
    """Makes the `error` event of a stream: its data is not wrapped in `error`."""
    return (
        b'event: error\ndata: {"code":"server_error","message":"The stream broke. (Injected.)",'
        b'"param":null,"type":"server_error"}\n\n'
    )


def damaged_frame(fault: Fault | None, frame: bytes) -> bytes:
    """Returns a stream's frame after faults that change its bytes."""
    if fault and fault.kind == "wrong_type":
        return frame.split(b"\n")[0] + b'\ndata: {"id":17,"delta":[],"status":{}}\n\n'
    if fault and fault.kind == "foreign" and b"data: {" in frame:
        name, _, value = frame.partition(b"\ndata: ")
        return name + b"\ndata: " + dump(foreign(load(value))).encode() + b"\n\n"
    if fault and fault.kind == "invalid_utf8":
        return frame.replace(b"data: {", b'data: {"odd":"\xff\xfe",', 1)
    return frame
