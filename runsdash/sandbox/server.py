"""Serves HTTP: reads requests, checks the key, picks the fault, calls the endpoint, sends its answer.

What an answer holds is decided by the endpoints (protocol/routes.py).
"""

import json
import logging
import socket
import time
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from runsdash.sandbox.json_objects import Json, JsonObject, load
from runsdash.sandbox.protocol.errors import (
    ApiError,
    invalid,
    missing_beta,
    missing_version,
    no_key,
    unknown_url,
    wrong_key,
    wrong_method,
)
from runsdash.sandbox.protocol.replies import Replies
from runsdash.sandbox.state import Answer
from runsdash.sandbox.switches.request_log import BODY_MAX

from . import welcome
from .ids import mint
from .protocol import routes, shapes
from .state import Bytes, Call, Sandbox
from .switches import control, fault_effects

BASE = "/v1"
CREATED = ("assistants", "threads", "messages", "runs")  # what a POST to such a path makes
BODY_BYTES_MAX = 64 * 1024 * 1024

log = logging.getLogger(__name__)


class Server(ThreadingHTTPServer):
    """Runs one thread a connection; connections stay open between requests."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        super().__init__((sandbox.options.host, sandbox.options.port), Handler)

    @property
    def base_url(self) -> str:
        return f"http://{self.server_name}:{self.server_port}{BASE}"

    def server_bind(self) -> None:
        # The base class asks the resolver for this host's name, which can take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def shutdown_request(self, request: Any) -> None:
        # A polite shutdown would send FIN before the RST that a reset fault asked for.
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)[0]:
            request.close()
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("connection ended early", exc_info=True)


class Handler(Replies):
    """Serves one connection. Every method goes through `answer`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def answer(self) -> None:
        """Reads one request, logs it, and sends its reply."""
        self.sandbox = self.server.sandbox
        split = urlsplit(self.path)
        self.route_path = unquote(split.path)
        self.request_id = mint(prefix="req_")
        self.began, self.fault, self.creates = time.time(), None, False
        self.entry: JsonObject = {}
        raw = self.read_body()
        query = parse_qs(split.query, keep_blank_values=True)
        if self.route_path.startswith(BASE + "/"):
            self.entry = self.log_request_entry(raw, split.query)
        try:
            self.reply(self.answer_to(query, raw))
        except ApiError as error:
            body = shapes.error_body(error, self.sandbox.quirks)
            self.send_json(error.status, body, headers=error.headers)
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            self.close_connection = True
        except Exception:
            log.exception("the sandbox failed on %s %s", self.command, self.path)
            self.send_json(500, ApiError(status=500, message="The sandbox failed.", type="server_error").body)
        finally:
            self.entry["duration"] = time.time() - self.began

    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = do_HEAD = do_OPTIONS = answer

    def read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self.read_chunks()
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(min(length, BODY_BYTES_MAX))

    def read_chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_request_entry(self, raw: bytes, query: str) -> JsonObject:
        log_body = self.command in ("POST", "PUT", "PATCH") and len(raw) <= BODY_MAX
        return self.sandbox.request_log.add(
            {
                "id": self.request_id,
                "method": self.command,
                "path": self.route_path,
                "query": query,
                "status": None,
                "time": self.began,
                "duration": None,
                "headers": sorted(name.lower() for name in self.headers),
                "openai_beta": self.headers.get("OpenAI-Beta"),
                "has_api_key_header": "api-key" in self.headers,
                "body_bytes": len(raw),
                "body": parsed_or_none(raw) if log_body else None,
            }
        )

    def answer_to(self, query: JsonObject, raw: bytes) -> Answer:
        sandbox, path = self.sandbox, self.route_path
        if path in ("/", "/index.html") and self.command == "GET":
            return Bytes(welcome.page(self.server.base_url).encode(), "text/html; charset=utf-8")
        if path.startswith("/_sandbox/"):
            self.check_key()
            call = Call(sandbox, query, read_json(raw))
            return control.answer(call, self.command, path.removeprefix("/_sandbox"))
        if not path.startswith(BASE + "/"):
            raise unknown_url(self.command, path)
        return self.answer_to_api(query, raw)

    def answer_to_api(self, query: JsonObject, raw: bytes) -> Answer:
        sandbox, path = self.sandbox, self.route_path
        self.fault = sandbox.faults.take(self.command, path)
        time.sleep(sandbox.options.latency_ms / 1000 + (self.fault.delay_s if self.fault else 0))
        if self.fault and self.fault.kind in fault_effects.BEFORE:
            return self.fault
        self.check_key()
        if sandbox.quirks["require_beta"] and self.headers.get("OpenAI-Beta") != "assistants=v2":
            raise missing_beta()
        if sandbox.quirks["require_api_version"] and not query.get("api-version"):
            raise missing_version()
        found = routes.find(path.removeprefix(BASE), lacks=sandbox.quirks["lacks"])
        if found is None:
            raise unknown_url(self.command, path)
        methods, ids = found
        if self.command not in methods:
            raise wrong_method(self.command, path)
        self.creates = self.command == "POST" and path.rsplit("/", 1)[-1] in CREATED
        return methods[self.command](shapes.understood(Call(sandbox, query, read_json(raw))), **ids)

    def check_key(self) -> None:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        bearer = token.strip() if scheme.lower() == "bearer" else ""
        given = bearer if self.sandbox.quirks["bearer_only"] else self.headers.get("api-key") or bearer
        if not given:
            raise no_key()
        if given != self.sandbox.options.api_key:
            raise wrong_key()

    # BaseHTTPRequestHandler's own

    def version_string(self) -> str:
        return "runsdash-sandbox"

    def log_message(self, format: str, *args: Any) -> None:
        """Logs nothing: the request log has it."""


def read_json(raw: bytes) -> JsonObject:
    """Reads the JSON object of a request, empty when there is no body."""
    if not raw.strip():
        return {}
    body = parsed_or_none(raw)
    if not isinstance(body, dict):
        raise invalid("We could not parse the JSON body of your request.")
    return body


def parsed_or_none(raw: bytes) -> Json:
    """Parses JSON. None when it is none, nested too deeply, or has half surrogate pairs, which UTF-8 cannot carry."""
    try:
        value = load(raw)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return value
