"""A Redis server of the tests' own on a free port of 127.0.0.1, without a file, ended by its process id."""

import shutil
import socket
import subprocess
import time

from tests.free_ports import free_ports

START_S = 10


def missing() -> str:
    """Why no server can be started here; empty when one can."""
    found = shutil.which("redis-server")
    return "" if found else "Redis is not installed; `make test` installs it on Debian as root"


class RedisServer:
    """`with RedisServer() as server:`; `server.url` names its first database."""

    def __init__(self) -> None:
        self.port = free_ports(1)[0]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> "RedisServer":
        flags = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(
            ["redis-server", *flags], cwd="/", stdout=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + START_S
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError("the Redis server did not start")
            time.sleep(0.02)
        return self

    def answers(self) -> bool:
        with socket.socket() as asking:
            return asking.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=10)

    def __exit__(self, *_: object) -> None:
        self.stop()
