"""An import with two writers: the same rows as with one, also when the file is such that they meet. PostgreSQL only."""

import itertools
import json
import threading
import time

import pytest
from django.db import connection as database

from runsdash.index.importing import blocks, run_import
from runsdash.index.importing.archived_files import line_of
from runsdash.index.keeping.archive import digest_of
from runsdash.index.models import ArchivedFile, Connection, Run
from tests.index.importing.test_import import AGE, everything, imported, past
from tests.rows import made_connection

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(database.vendor != "postgresql", reason="this engine has one writer at a time"),
]
RUNS = 120
BEGIN_S = 20


@pytest.fixture
def writers(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """Small blocks, transactions of ten runs; of each, which thread wrote it and whether it had to start over.

    The first two groups begin together, or the test ends here: left to themselves, a thread that is late to start
    finds its group written by the other.
    """
    seen: list[tuple[str, bool]] = []
    own, turns, both = run_import.write_group, itertools.count(1), threading.Barrier(2, timeout=BEGIN_S)

    def noted(*args, **options):
        if next(turns) <= both.parties:
            both.wait()
        done = own(*args, **options)
        seen.append((threading.current_thread().name, done.written.collided))
        return done

    monkeypatch.setattr(run_import, "RUNS_A_TRANSACTION", 10)
    monkeypatch.setattr(run_import, "write_group", noted)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 20_000)
    monkeypatch.setattr(blocks, "READ_BYTES", 10_000)  # a block ends where a read does
    return seen


def alone(raws: list[dict], monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What one writer makes of it."""
    monkeypatch.setattr("runsdash.index.importing.two_writers.WRITERS", 1)
    other = made_connection("other")
    imported(other, raws)
    return everything(other)


def test_two_writers_write_what_one_does(writers: list[tuple[str, bool]], monkeypatch: pytest.MonkeyPatch) -> None:
    prod, raws = made_connection(), past(RUNS)
    totals = imported(prod, raws)
    assert len(writers) > 5
    assert {name for name, _ in writers} == {"writer_0", "writer_1"}
    assert not any(collided for _, collided in writers)
    assert (totals.runs, totals.rows, totals.orphan_steps) == (RUNS, len(raws), 0)
    ours, theirs = everything(prod), alone(raws, monkeypatch)
    for name in ours:
        assert ours[name] == theirs[name], name


def test_a_file_whose_threads_are_all_over_it(writers: list[tuple[str, bool]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody sorts it: writers wait for each other's threads, fail and start over; then one goes on alone."""
    monkeypatch.setattr(blocks, "LOOSE_BYTES", 30_000)
    raws = in_turns(past(RUNS))
    prod = made_connection()
    totals = imported(prod, raws, is_by_thread=True)
    assert totals.runs == Run.objects.filter(connection=prod).count() == RUNS
    assert totals.orphan_steps == 0
    assert any(collided for _, collided in writers)
    ours, theirs = everything(prod), alone(raws, monkeypatch)
    for name in ours:
        assert ours[name] == theirs[name], name


def test_files_find_their_thread_though_the_other_writer_is_not_done(
    writers: list[tuple[str, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file may stand at the start of a group whose predecessor is still being written."""
    content, names = [], []
    for raw in past(RUNS):
        if raw["object"] == "thread":
            content += [file_of(one) for one in names[-1:]]
            names.append(raw["id"])
        content.append(json.dumps(raw, separators=(",", ":")).encode() + b"\n")
    own, turns = run_import.write_group, itertools.count()

    def late(*args, **options):
        time.sleep(0.3 * (next(turns) % 2 == 0))
        return own(*args, **options)

    monkeypatch.setattr(run_import, "write_group", late)
    monkeypatch.setattr(blocks, "READ_BYTES", 64)  # a block ends behind any line
    totals = imported(made_connection(), b"".join(content))
    assert totals.files == ArchivedFile.objects.count() == len(names) - 1 > 10
    assert not ArchivedFile.objects.filter(thread=None).exists()


def file_of(thread_id: str) -> bytes:
    """Larger than a block, so that one begins with it."""
    content = b"x" * 20_000
    told = {"id": f"file-{thread_id}", "thread_id": thread_id, "status": 200, "_fetched_at": AGE.isoformat()}
    return line_of(told | {"size": len(content), "digest": digest_of(content)}, content)


def in_turns(raws: list[dict]) -> list[dict]:
    """A run with what belongs to it of each thread, then the second of each, …"""
    turns: dict[str, list[list[dict]]] = {}
    for raw in raws:
        own = turns.setdefault(raw["id"] if raw["object"] == "thread" else raw["thread_id"], [])
        if raw["object"] == "thread" or raw.get("role") == "user":
            own.append([])
        own[-1].append(raw)
    longest = max(map(len, turns.values()))
    return [raw for place in range(longest) for own in turns.values() if place < len(own) for raw in own[place]]


def test_nobody_leaves_a_session_open(writers: list[tuple[str, bool]]) -> None:
    connection: Connection = made_connection()
    before = sessions()
    imported(connection, past(RUNS))
    assert len({name for name, _ in writers}) == 2
    deadline = time.monotonic() + 10
    while sessions() > before and time.monotonic() < deadline:  # the server takes a moment to end one
        time.sleep(0.05)
    assert sessions() <= before  # one of an earlier test may have ended meanwhile


def sessions() -> int:
    with database.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return cursor.fetchone()[0]
