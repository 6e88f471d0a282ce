"""Holds the parts of a running sandbox, and what an endpoint is given and answers."""

from dataclasses import dataclass, field
from typing import TypeAlias

from runsdash.sandbox.engine.engine import Engine
from runsdash.sandbox.engine.streams import Listener, Streams
from runsdash.sandbox.json_objects import Json, JsonObject
from runsdash.sandbox.switches.dialects import DIALECTS
from runsdash.sandbox.switches.faults import Fault, Faults
from runsdash.sandbox.switches.request_log import RequestLog

from .options import Options
from .store import Store

QUIRKS: JsonObject = {
    "merge_metadata": False,
    "no_thread_list": False,
    "no_run_list": False,
    "no_steps": False,
    "open_steps": False,
    "cancel_at_once": False,
    "writes_ignored": False,
    "float_timestamps": False,
    "call_ids": None,
    "no_has_more": False,
    "has_more_false": False,
    "has_more_true": False,
    "after_inclusive": False,
    "after_ignored": False,
    "ties_lost": False,
    "ties_shuffled": False,
    "bare_lists": False,
    "require_beta": False,
    "errors_as_events": False,
    "poll_after_ms": None,
    "lacks": [],
    "names": {},
    "leaves_out": {},
    "sets": {},
    "flat_steps": False,
    "no_step_events": False,
    "no_function_output": False,
    "empty_action": False,
    "reason_as_text": False,
    "cancelled_at_early": False,
    "cancels_only": None,
    "partial_outputs": False,
    "never_expires": False,
    "messages_oldest_first": False,
    "created_is_201": False,
    "stream_in_query": False,
    "no_streams": False,
    "require_api_version": False,
    "bearer_only": False,
    "error_form": None,
    "stream_dialect": None,
}


class Sandbox:
    """Joins the parts of a sandbox over one SQLite file: call `start`, and `stop` at the end."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.streams = Streams()
        self.store = Store(options.db, publish=self.streams.publish)
        self.engine = Engine(store=self.store, streams=self.streams, fast=options.fast)
        self.faults = Faults(options.faults, seed=options.seed)
        self.request_log = RequestLog()
        self.first_quirks = QUIRKS | DIALECTS.get(options.dialect, {})
        self.first_quirks["merge_metadata"] = options.merge_metadata
        self.quirks = dict(self.first_quirks)

    def start(self) -> None:
        self.engine.start()

    def stop(self) -> None:
        self.engine.stop()
        self.store.close()


@dataclass
class Call:
    """Carries one request to an endpoint. `body` is the JSON object that came, or empty."""

    sandbox: Sandbox
    query: dict[str, list[str]]
    body: JsonObject = field(default_factory=dict)

    @property
    def wants_content(self) -> bool:
        """Says whether file search results show their text (`include[]`)."""
        included = self.query.get("include[]", []) + self.query.get("include", [])
        return "step_details.tool_calls[*].file_search.results[*].content" in included


@dataclass
class Streamed:
    """Answers with server-sent events."""

    run_id: str
    listener: Listener
    wants_content: bool


@dataclass
class Bytes:
    """Answers with raw bytes."""

    content: bytes
    content_type: str


Answer: TypeAlias = Json | Streamed | Bytes | Fault  # a fault sends what an endpoint would not
