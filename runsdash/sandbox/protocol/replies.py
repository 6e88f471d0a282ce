"""Sends replies: JSON, bytes, event streams, and what a fault makes of them."""

import time
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler

from runsdash.sandbox.json_objects import Json, JsonObject
from runsdash.sandbox.state import Answer, Bytes, Sandbox, Streamed
from runsdash.sandbox.switches import fault_effects
from runsdash.sandbox.switches.faults import Fault

from . import wire


class CutError(Exception):
    """Ends a stream where its fault strikes."""


class Replies(BaseHTTPRequestHandler):
    """Sends the replies of a connection. server.py reads its requests and sets these fields for each."""

    sandbox: Sandbox
    fault: Fault | None
    request_id: str
    began: float
    entry: JsonObject
    creates: bool

    def reply(self, answer: Answer) -> None:
        if isinstance(answer, Fault):
            self.reply_fault(answer)
        elif isinstance(answer, Streamed):
            self.reply_stream(answer)
        elif isinstance(answer, Bytes):
            self.send_content(200, answer.content, answer.content_type)
        else:
            self.send_json(201 if self.creates and self.sandbox.quirks["created_is_201"] else 200, answer)

    def reply_fault(self, fault: Fault) -> None:
        if fault.kind == "html":
            self.send_content(502, fault_effects.PROXY_PAGE, "text/html")
            return
        if fault.kind not in ("hang", "reset_before"):
            raise fault_effects.refusal(fault)
        self.close_connection = True
        if fault.kind == "hang":
            fault_effects.hang(self.connection, fault)
        else:
            fault_effects.reset(self.connection)

    def send_json(self, status: int, answer: Json, *, headers: dict[str, str] | None = None) -> None:
        content = wire.json_body(answer, self.sandbox.quirks)
        self.send_content(status, content, "application/json", headers=headers)

    def send_content(
        self, status: int, content: bytes, content_type: str, *, headers: dict[str, str] | None = None
    ) -> None:
        """Sends a whole reply, after what the fault of this request does to it."""
        kind = self.fault.kind if self.fault else None
        self.entry["status"] = status
        if kind == "reset_after":
            self.close_connection = True
            fault_effects.reset(self.connection)
            return
        content = fault_effects.damaged(self.fault, content)
        self.send_head(status, content_type, headers=headers)
        if kind == "endless":
            self.send_chunks(fault_effects.endless(content))
            return
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.fault and kind == "drip":
            for piece in fault_effects.dripped(content, self.fault):
                self.wfile.write(piece)
            return
        if kind == "truncate":
            self.close_connection = True
            content = content[: len(content) // 2]
        self.wfile.write(content)

    def send_head(self, status: int, content_type: str, *, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("x-request-id", self.request_id)
        self.send_header("openai-processing-ms", str(int((time.time() - self.began) * 1000)))
        if poll := self.sandbox.quirks["poll_after_ms"]:
            self.send_header("openai-poll-after-ms", str(poll))
        for name, value in (headers or {}).items():
            self.send_header(name, value)

    def send_chunks(self, pieces: Iterable[bytes]) -> None:
        """Sends a chunked body; a stream that is cut short never gets its last chunk."""
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            if piece:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def reply_stream(self, streamed: Streamed) -> None:
        """Sends server-sent events; when the client leaves, the run goes on without it."""
        self.entry["status"] = 200
        try:
            self.send_head(200, "text/event-stream; charset=utf-8", headers={"Cache-Control": "no-cache"})
            self.send_chunks(self.with_fault(wire.frames(streamed, self.sandbox.quirks)))
        except CutError:
            self.close_connection = True
        finally:
            self.sandbox.streams.leave(streamed.run_id, streamed.listener)

    def with_fault(self, frames: Iterable[bytes]) -> Iterable[bytes]:
        fault = self.fault
        if fault and fault.kind == "empty":
            return
        for at, frame in enumerate(frames):
            if fault and fault.kind in ("truncate", "reset_after", "error") and at >= fault.after_events:
                if fault.kind == "error":
                    yield fault_effects.error_frame()
                if fault.kind == "reset_after":
                    fault_effects.reset(self.connection)
                raise CutError
            if fault and fault.kind == "drip":
                yield from fault_effects.dripped(frame, fault)
            elif fault and fault.kind == "endless":
                yield from fault_effects.endless(frame)
            else:
                yield fault_effects.damaged_frame(fault, frame)
