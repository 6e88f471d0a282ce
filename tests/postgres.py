"""A PostgreSQL cluster of the tests' own: a folder that goes away, a free port of 127.0.0.1, ended by its process id.

`python -m tests.postgres COMMAND …` runs a command with `DATABASE_URL` naming a database of such a cluster, for
example the whole suite: `python -m tests.postgres python -m pytest -q -m "not browser"`.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from tests.free_ports import free_ports
from tests.killed import kill_whole
from tests.migrated import CLUSTER, kept, migrate

START_S = 30
DUMP_S = 120
USER = "postgres"
# Lines of a dump that servers and clients before the one that wrote it do not know.
NEWER = ("\\restrict", "\\unrestrict", "SET transaction_timeout")
# Nothing here outlives the tests, so nothing is flushed to disk.
OPTIONS = {
    "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", "synchronous_commit": "off",
    "full_page_writes": "off", "max_connections": "200", "log_min_messages": "fatal", "autovacuum": "on",
}  # fmt: skip


def binaries() -> Path | None:
    """The folder of `initdb` and `postgres`: the newest Debian has, or the one on the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("postgres")
    paths = [*found, *([Path(on_path)] if on_path else [])]
    return paths[-1].parent if paths else None


def missing() -> str:
    """Why no cluster can be started here; empty when one can."""
    if binaries() is None:
        return "PostgreSQL is not installed; `make test` installs it on Debian as root"
    if os.getuid() == 0:
        try:
            pwd.getpwnam(USER)
        except KeyError:
            return f"PostgreSQL refuses to run as root, and there is no user {USER}"
    return ""


class Postgres:
    """`with Postgres() as server:` starts a cluster. `options` are settings of the server, as text."""

    def __init__(self, **options: str) -> None:
        self.directory = tempfile.TemporaryDirectory(prefix="postgres-")
        self.folder = Path(self.directory.name)
        self.options = OPTIONS | options
        self.port = free_ports(1)[0]
        # As root the server must be somebody else; everyone else runs it as they are.
        self.identity = {"user": USER, "group": USER, "extra_groups": []} if os.getuid() == 0 else {}
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> "Postgres":
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        if self.identity:
            shutil.chown(self.folder, USER, USER)
        place = str(self.folder / "cluster")
        common = {"cwd": self.folder, "stdout": subprocess.DEVNULL, **self.identity}
        initdb = [str(binaries() / "initdb"), "-D", place, "-U", USER, "--auth=trust", "-E", "UTF8", "--locale=C", "-N"]
        subprocess.run(initdb, check=True, timeout=START_S, **common)
        self.serve()

    def serve(self) -> None:
        place = str(self.folder / "cluster")
        common = {"cwd": self.folder, "stdout": subprocess.DEVNULL, **self.identity}
        flags = [part for name, value in self.options.items() for part in ("-c", f"{name}={value}")]
        command = [str(binaries() / "postgres"), "-D", place, "-p", str(self.port), *flags]
        # A session of its own, so that Ctrl-C reaches the tests first and they end it.
        self.process = subprocess.Popen(command, start_new_session=True, **common)
        self.wait()

    def wait(self) -> None:
        deadline = time.monotonic() + START_S
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL to the server and to every process of it. With `synchronous_commit` on, what it confirmed stays."""
        kill_whole(self.process)

    def stop(self) -> None:
        """SIGINT: a fast shutdown, sessions are cut."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=10)
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait(timeout=10)
        self.directory.cleanup()

    def url(self, name: str) -> str:
        return f"postgres://{USER}@127.0.0.1:{self.port}/{name}"

    def database(self, name: str) -> str:
        """Makes an empty database and returns its URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as session:
            session.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def make_migrated(self) -> None:
        """Makes the database `migrated`, which tests copy when `CLUSTER` names this server."""
        statements = kept("postgresql", self.write_migrated).read_text()
        with psycopg.connect(self.database("migrated")) as session:
            session.execute(statements)

    def write_migrated(self, path: Path) -> None:
        url = self.database("to_dump")
        migrate(url)
        path.write_text(dump_of(url))


def dump_of(url: str) -> str:
    """Plain statements, which any client can send: no COPY, nothing that psql alone understands."""
    beside = os.pathsep.join((str(binaries()), os.environ.get("PATH", os.defpath)))
    pg_dump = shutil.which("pg_dump", path=beside) or sys.exit("There is no pg_dump here.")
    command = [pg_dump, "--no-owner", "--no-privileges", "--rows-per-insert=100", url]
    dump = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=DUMP_S).stdout
    return "".join(line for line in dump.splitlines(keepends=True) if not line.startswith(NEWER))


if __name__ == "__main__":
    if missing():
        sys.exit(missing())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the cluster ends with us
    with Postgres() as server:
        server.make_migrated()
        given = os.environ | {"DATABASE_URL": server.database("runsdash"), CLUSTER: server.url("postgres")}
        sys.exit(subprocess.run(sys.argv[1:], env=given, check=False).returncode)
