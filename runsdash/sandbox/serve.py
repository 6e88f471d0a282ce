"""Starts a sandbox and serves until a signal comes."""

import signal
import sys
import threading
from functools import partial
from pathlib import Path

from .options import Options
from .protocol import assistants, runs
from .seed import history
from .server import Server
from .state import Sandbox


def serve(options: Options) -> None:
    """Serves until SIGTERM or SIGINT. Prints the base URL once it answers."""
    Path(options.db).parent.mkdir(parents=True, exist_ok=True)
    sandbox = Sandbox(options)
    prepare(sandbox)
    if options.chat_url:
        attach_model(sandbox)
    try:
        server = Server(sandbox)
    except OSError as error:
        sandbox.store.close()
        raise SystemExit(f"The sandbox cannot listen on port {options.port}: {error.strerror}.") from error
    sandbox.start()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    print(server.base_url, flush=True)
    stop.wait()
    server.shutdown()
    server.server_close()
    sandbox.stop()
    sys.stdout.flush()


def attach_model(sandbox: Sandbox) -> None:
    """Lets a model answer the runs from now on."""
    # Loaded only here: its HTTP client takes longer to import than the rest takes to start.
    from runsdash.sandbox.engine.model_answers import ModelAnswers

    from .chat import ChatModel

    options = sandbox.options
    model = ChatModel(url=options.chat_url, key=options.chat_key, model=options.chat_model)
    sandbox.engine.ask_model = ModelAnswers(sandbox.engine, model).ask


def prepare(sandbox: Sandbox) -> None:
    """Writes what must be there before the first request."""
    sandbox.engine.begin = partial(runs.begin, sandbox)
    assistants.add_builtin(sandbox)
    if sandbox.options.seed_runs:
        history.write(sandbox, runs=sandbox.options.seed_runs, seed=sandbox.options.seed)
