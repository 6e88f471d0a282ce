"""Starts a sandbox and keeps it until a signal: the body of the command line."""

import signal
import sys
import threading
from pathlib import Path

from runsdash.sandbox import assistants
from runsdash.sandbox.options import Options
from runsdash.sandbox.server import Server
from runsdash.sandbox.state import Sandbox


def serve(options: Options) -> None:
    """Serves until SIGTERM or SIGINT. Prints the base URL once it answers."""
    Path(options.db).parent.mkdir(parents=True, exist_ok=True)
    sandbox = Sandbox(options)
    prepare(sandbox)
    server = Server(sandbox)
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


def prepare(sandbox: Sandbox) -> None:
    """What must be there before the first request."""
    assistants.plant(sandbox)
