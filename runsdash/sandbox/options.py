"""Declares the sandbox's options and the flags of its command line."""

import argparse
from dataclasses import dataclass, fields
from types import SimpleNamespace

from runsdash.sandbox.switches.dialects import DIALECTS
from runsdash.sandbox.switches.faults import read_chances

DEFAULT_KEY = "sandbox"
EXPIRES_S = 600  # as on OpenAI, docs/protocol.md#run-states


@dataclass
class Options:
    """Holds the options of a sandbox. `port` 0 picks a free one; `db` is the SQLite file."""

    port: int = 8100
    db: str = "var/sandbox.sqlite3"
    host: str = "127.0.0.1"
    api_key: str = DEFAULT_KEY
    seed_runs: int = 0
    seed: int = 1
    fast: bool = False
    expires_s: int = EXPIRES_S
    faults: str = ""
    latency_ms: float = 0.0
    merge_metadata: bool = False
    dialect: str = ""
    chat_url: str = ""
    chat_key: str = ""
    chat_model: str = ""


def add_flags(parser: argparse.ArgumentParser, *, chat: bool = True) -> None:
    """Declares the flags; without `chat` the model's address comes from elsewhere."""
    flag = parser.add_argument
    flag("--port", type=int, default=8100, help="port to listen on; 0 picks a free one (8100)")
    flag("--db", default="var/sandbox.sqlite3", help="SQLite file with everything the sandbox knows")
    flag("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    flag("--api-key", default=DEFAULT_KEY, help=f"the key clients must send ({DEFAULT_KEY})")
    flag("--seed-runs", type=int, default=0, metavar="N", help="write a past of N runs at first start")
    flag("--seed", type=int, default=1, help="seed of that past and of --faults (1)")
    flag("--fast", action="store_true", help="scripted work takes milliseconds; /slow keeps its seconds")
    flag("--expires-s", type=int, default=EXPIRES_S, help="seconds until a run expires (600)")
    flag("--faults", default="", metavar="SPEC", type=fault_spec, help='for example "429:0.1,500:0.05,hang:0.01"')
    flag("--latency-ms", type=float, default=0.0, help="every reply under /v1 waits this long")
    flag("--merge-metadata", action="store_true", help="modify merges metadata instead of replacing it")
    flag("--dialect", default="", choices=["", *DIALECTS], metavar="NAME", help=f"answer as {', '.join(DIALECTS)}")
    if chat:
        flag("--chat-url", default="", help="base URL of an OpenAI-compatible chat-completions server")
        flag("--chat-key", default="", help="its key")
        flag("--chat-model", default="", help="its model; empty: the run's own")


def fault_spec(text: str) -> str:
    """Checks that `text` names known faults, in the way argparse asks for."""
    try:
        read_chances(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc
    return text


def from_namespace(parsed: argparse.Namespace | SimpleNamespace) -> Options:
    """Makes options from parsed flags; what the flags lack keeps its default."""
    named = {field.name: getattr(parsed, field.name) for field in fields(Options) if hasattr(parsed, field.name)}
    return Options(**named)
