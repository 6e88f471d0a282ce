"""The same objects in any order give the same rows, for about the same statements."""

import io
import json
import random
import tracemalloc
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain, groupby

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from runsdash.index.importing import sorted_lines
from runsdash.index.importing.blocks import BLOCK_BYTES, LOOSE_BYTES, Block, ImportSource
from runsdash.index.importing.run_import import Totals, import_sources
from runsdash.index.importing.sorted_lines import by_thread, is_by_thread, sorted_blocks
from runsdash.index.importing.thread_order import ThreadNumbers
from runsdash.index.models import Connection, Run
from tests.index.importing.test_import import AGE, past
from tests.index.snapshots.snapshots import everything
from tests.rows import made_connection, run_object

KINDS = ("thread", "thread.message", "thread.run", "thread.run.step")
ORDERS = ("by time", "four files", "shuffled", "doubled")
MOST = 1.3  # of the statements of the grouped file, for as many lines


@cache
def some_past(**more: int) -> list[dict]:
    """Enough for a few blocks."""
    return past(300, body_bytes=3000, **more)


def line(raw: dict) -> bytes:
    return json.dumps(raw, separators=(",", ":")).encode() + b"\n"


def files(raws: list[dict], order: str) -> list[list[bytes]]:
    """The lines of each file."""
    lines = {id(raw): line(raw) for raw in raws}
    if order == "by time":
        return [[lines[id(raw)] for raw in sorted(raws, key=lambda raw: raw["created_at"])]]
    if order == "four files":
        return [[lines[id(raw)] for raw in raws if raw["object"] == kind] for kind in KINDS]
    found = [lines[id(raw)] for raw in raws]
    if order == "shuffled":
        random.Random(7).shuffle(found)
    if order == "doubled":
        found *= 2
    return [found]


def sources(found: Iterable[list[bytes]], *, age: datetime = AGE) -> list[ImportSource]:
    return [ImportSource(f"file {number}", io.BytesIO(b"".join(some)), age) for number, some in enumerate(found)]


def counted(connection: Connection, found: Iterable[list[bytes]]) -> tuple[Totals, int]:
    """What came of an import, and how many statements it took."""
    with CaptureQueriesContext(database) as caught:
        totals = import_sources(connection, sources(found), processes=0)
    return totals, len(caught)


def without_order(found: dict, tied: set[str]) -> dict:
    """What shares a second has no order that an import could know: words, and which of two replies came last."""
    texts = [(run, sorted(words.split()), is_cut) for run, words, is_cut in found["RunText"]]
    threads = [row | {"last_reply": "one of two"} if row["upstream_id"] in tied else row for row in found["Thread"]]
    return found | {"RunText": texts, "Thread": threads}


def with_tied_replies(raws: list[dict]) -> set[str]:
    """The threads whose last two replies share a second."""
    times: dict[str, list[int]] = {}
    for raw in raws:
        if raw["object"] == "thread.message" and raw["role"] == "assistant":
            times.setdefault(raw["thread_id"], []).append(raw["created_at"])
    return {thread for thread, found in times.items() if found.count(max(found)) > 1}


@pytest.mark.django_db
@pytest.mark.timeout(600)
@pytest.mark.parametrize("runs", [1000, pytest.param(5000, marks=pytest.mark.long)])
def test_five_orders_give_the_same_rows(runs: int) -> None:
    raws = past(runs)
    grouped = made_connection("grouped")
    totals, statements = counted(grouped, files(raws, "grouped"))
    assert totals.runs == runs
    if database.vendor == "postgresql":  # no autovacuum sees rows of a transaction, so the planner takes them for few
        with database.cursor() as cursor:
            cursor.execute("ANALYZE")
    without = {"position"}
    tied = with_tied_replies(raws)
    assert len(tied) < runs / 500
    expected = without_order(everything(grouped, without=without), tied)
    for order in ORDERS:
        other = made_connection(order.replace(" ", "-"))
        totals, taken = counted(other, files(raws, order))
        assert (totals.refused, totals.orphan_steps) == (0, 0)
        found = without_order(everything(other, without=without), tied)
        for name in expected:
            assert found[name] == expected[name], (order, name)
        copies = 2 if order == "doubled" else 1  # the second time each is looked up, and left out
        assert taken <= MOST * copies * statements, (order, taken, statements)


# Blocks


def blocks_of(found: Iterable[list[bytes]]) -> Iterable[Block]:
    return (block for source in sources(found) for block in source.blocks())


def threads_of(block: Block) -> list[str]:
    raws = [json.loads(one) for one in block.lines]
    return [raw["id"] if raw["object"] == "thread" else raw["thread_id"] for raw in raws]


@pytest.mark.parametrize("order", ["by time", "four files", "shuffled"])
def test_sorted_blocks_hold_whole_threads_in_the_order_of_their_first_line(order: str, monkeypatch) -> None:
    monkeypatch.setattr(sorted_lines, "PIECE_BYTES", 100_000)
    monkeypatch.setattr(sorted_lines, "MOST_PIECES", 3)
    raws = some_past()
    given = files(raws, order)
    assert not is_by_thread(blocks_of(given))
    blocks = list(sorted_blocks(blocks_of(given)))
    assert len(blocks) > 1
    assert all(BLOCK_BYTES <= block.size <= LOOSE_BYTES for block in blocks[:-1])
    lines = [one for block in blocks for one in block.lines]
    assert sorted(lines) == sorted(one.strip() for some in given for one in some)
    order_of_threads = [thread for block in blocks for thread, _ in groupby(threads_of(block))]
    assert len(order_of_threads) == len(set(order_of_threads))
    first_seen = dict.fromkeys(thread for block in blocks_of(given) for thread in threads_of(block))
    assert order_of_threads == list(first_seen)


@pytest.mark.long
def test_lines_keep_their_file_and_number() -> None:
    raws = some_past()
    given = files(raws, "four files")
    where = {(f"file {number}", at): one for number, some in enumerate(given) for at, one in enumerate(some, start=1)}
    for block in sorted_blocks(blocks_of(given)):
        for origin, number, one in block.placed():
            assert where[origin.name, number].strip() == one


def test_what_comes_thread_by_thread_is_passed_on_as_it_is() -> None:
    given = files(some_past(), "grouped")
    assert is_by_thread(blocks_of(given))
    before, after = list(blocks_of(given)), list(chain.from_iterable(by_thread(blocks_of(given))))
    assert [block.lines for block in after] == [block.lines for block in before]
    assert len(before) > 1


def test_several_files_each_by_thread_are_passed_on_until_a_thread_comes_back() -> None:
    raws, others = some_past(), some_past(seed=2)
    one = [line(raw) for raw in raws]
    other = [line(raw | {"id": "x" + raw["id"]} | ({"thread_id": "x" + raw["thread_id"]} if "thread_id" in raw else {}))
             for raw in others]  # fmt: skip
    assert is_by_thread(blocks_of([one, other]))
    blocks = list(chain.from_iterable(by_thread(blocks_of([one, other, one]))))
    plain = list(blocks_of([one, other]))
    assert [block.lines for block in blocks[: len(plain)]] == [block.lines for block in plain]
    assert {block.name for block in blocks[len(plain) :]} == {"file 2"}


def test_one_block_needs_no_order() -> None:
    assert is_by_thread(blocks_of(files(past(20), "shuffled")))


@pytest.mark.long
@pytest.mark.usefixtures("usual_gc")
def test_memory_does_not_grow_with_the_input(monkeypatch) -> None:
    monkeypatch.setattr(sorted_lines, "PIECE_BYTES", 1 << 20)
    monkeypatch.setattr(sorted_lines, "BATCH_BYTES", 16 << 10)
    peaks = []
    for runs in (1500, 4500):
        given = files(past(runs), "by time")
        tracemalloc.start()
        count = sum(len(block.lines) for block in sorted_blocks(blocks_of(given)))
        peaks.append(tracemalloc.get_traced_memory()[1] - sum(map(len, (b"".join(some) for some in given))))
        tracemalloc.stop()
        assert count == sum(map(len, given))
    assert peaks[1] < peaks[0] + (6 << 20)


def test_more_threads_than_are_numbered_still_come_together(monkeypatch) -> None:
    monkeypatch.setattr("runsdash.index.importing.thread_order.MOST_THREADS", 10)
    blocks = list(sorted_blocks(blocks_of(files(some_past(), "by time"))))
    order_of_threads = [thread for block in blocks for thread, _ in groupby(threads_of(block))]
    assert len(order_of_threads) == len(set(order_of_threads)) > 40


@pytest.mark.parametrize(
    "content",
    [
        b"nonsense", b"[]", b"{}", b'{"object":7}', b'{"object":"thread","id":null}', b'{"thread_id":{}}', b"[" * 9000,
        b'{"object":"thread.run","id":"run_\\ud800","thread_id":"t"}', b"\xff\xfe", b'{"object":"thread.message"}',
    ],
)  # fmt: skip
def test_any_line_has_a_place(content: bytes) -> None:
    numbers = ThreadNumbers()
    assert numbers.key_of(content) <= (1 << 62, 3, "~", True)


# What cannot be sorted


@pytest.mark.django_db
def test_a_refused_line_is_named_by_its_file_and_number() -> None:
    given = files(some_past(), "four files")
    given[1].insert(4, b"nonsense\n")
    given[3].insert(6, b'{"object":"thread.run.step","id":"s"}\n')
    totals, _ = counted(made_connection(), given)
    named = sorted((one.name, one.number) for one in totals.refused_lines)
    assert named == [("file 1", 5), ("file 3", 7)]
    assert totals.runs == 300


@pytest.mark.long
@pytest.mark.django_db
def test_each_file_has_its_own_age() -> None:
    raws = some_past()
    given = sources(files(raws, "four files"))
    ages = {}
    for number, source in enumerate(given):
        ages[source.name] = age = AGE + timedelta(seconds=number)
        given[number] = ImportSource(source.name, source.file, age)
    prod = made_connection()
    import_sources(prod, given, processes=0)
    assert set(Run.objects.values_list("fetched_at", flat=True)) == {ages["file 2"]}


@pytest.mark.django_db
def test_a_copy_of_a_run_beside_it_is_passed_over() -> None:
    raw = run_object(id="run_a", created_at=int(datetime(2026, 11, 1, tzinfo=UTC).timestamp()))
    with CaptureQueriesContext(database) as once:
        import_sources(made_connection("one"), sources([[line(raw)]]), processes=0)
    with CaptureQueriesContext(database) as twice:
        totals = import_sources(made_connection("two"), sources([[line(raw)] * 2]), processes=0)
    assert (totals.runs, len(twice)) == (1, len(once))
