"""Archived files in an export: each once, with the thread that counts it; hostile lines; and assistants."""

import io
import json
import sys
import tracemalloc
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import QuerySet

from runsdash.index.exporting.chosen import chosen_runs
from runsdash.index.exporting.objects import lines
from runsdash.index.importing.blocks import BLOCK_BYTES, MAX_LINE_BYTES, ImportSource
from runsdash.index.keeping.archive import MAX_FILE_BYTES, digest_of, keep_file, meter_of, note_refusal, want_files
from runsdash.index.models import ArchivedFile, Assistant, Connection, Run, Thread
from runsdash.index.search.run_filter import parsed
from runsdash.index.snapshots.upsert_assistants import upsert_assistants
from runsdash.index.snapshots.upsert_messages import upsert_messages
from runsdash.index.snapshots.upsert_runs import upsert_runs
from runsdash.index.snapshots.upsert_steps import upsert_steps
from runsdash.service import objects
from tests.index.exporting.test_export import exported, taken_in
from tests.index.importing.test_import import AGE, imported
from tests.rows import made_connection, run_object

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def prod(db: None) -> Connection:
    return made_connection()


def a_run(prod: Connection, name: str, *, images: tuple[str, ...] = (), plots: tuple[str, ...] = ()) -> Run:
    """A run `run_<name>` on `thread_<name>` with a message that shows images, and a step that made some."""
    raw = run_object(id=f"run_{name}", thread_id=f"thread_{name}")
    upsert_runs(prod, [objects.Run.from_raw(raw)], fetched_at=AGE)
    run = Run.objects.select_related("thread", "connection").get(upstream_id=f"run_{name}", connection=prod)
    content = [{"type": "image_file", "image_file": {"file_id": one}} for one in images]
    message = {"id": f"msg_{name}", "object": "thread.message", "role": "assistant", "content": content}
    upsert_messages(run.thread, [objects.Message.from_raw(message)], fetched_at=AGE)
    outputs = [{"type": "image", "image": {"file_id": one}} for one in plots]
    calls = [{"id": "call", "type": "code_interpreter", "code_interpreter": {"input": "1", "outputs": outputs}}]
    step = {"id": f"step_{name}", "type": "tool_calls", "step_details": {"type": "tool_calls", "tool_calls": calls}}
    upsert_steps(run, [objects.RunStep.from_raw(step)], fetched_at=AGE)
    want_files(run.thread, [*images, *plots])
    return run


def kept(prod: Connection, file_id: str, content: bytes = PNG) -> None:
    keep_file(prod, file_id, content=content, content_type="image/png", fetched_at=AGE)


def rows_of(connection: Connection) -> list[tuple]:
    names = ("upstream_id", "thread__upstream_id", "status", "size", "digest", "content_type", "fetched_at", "attempts")
    rows: QuerySet = ArchivedFile.objects.filter(connection=connection).order_by("upstream_id")
    return [(*row[:-1], row[-1] and bytes(row[-1])) for row in rows.values_list(*names, "content")]


def file_lines(content: bytes) -> list[bytes]:
    return [line for line in content.splitlines() if line.startswith(b'{"object":"runsdash.file"')]


def test_files_come_back_as_they_were_each_once(prod: Connection) -> None:
    """Kept, refused and still wanted ones; one of two threads; one that somebody looked at before anybody named it."""
    for name in ("looked_at", "mine", "shared", "plot"):
        kept(prod, name, PNG + name.encode())
    a_run(prod, "a", images=("mine", "shared", "refused", "wanted"), plots=("plot", "mine"))
    other = a_run(prod, "b", images=("shared", "looked_at"))
    note_refusal(ArchivedFile.objects.get(upstream_id="refused"), status=404, is_final=True)
    note_refusal(ArchivedFile.objects.get(upstream_id="wanted"), status=500, is_final=False)
    ArchivedFile.objects.filter(upstream_id="shared").update(thread=other.thread)  # whose lines come later
    Run.objects.update(archived_at=AGE + timedelta(seconds=9))
    Thread.objects.update(has_all_messages=True, has_all_runs=True)

    content = exported()
    there = taken_in(content)

    assert len(file_lines(content)) == 6
    assert content.index(b'"id":"thread_b') < content.index(b'"id":"shared"')
    assert rows_of(there) == rows_of(prod)
    meters = [
        [meter_of(one) for one in Thread.objects.filter(connection=c).order_by("upstream_id")] for c in (prod, there)
    ]
    assert meters[0] == meters[1]
    assert [one.is_complete for one in meters[1]] == [False, True]
    assert set(Run.objects.filter(connection=there).values_list("archived_at", flat=True)) == {
        AGE + timedelta(seconds=9)
    }


def test_a_second_import_changes_nothing_and_the_newer_copy_stays(prod: Connection) -> None:
    a_run(prod, "a", images=("one", "two", "three"))
    for name in ("one", "two"):
        kept(prod, name)
    content = exported()
    keep_file(prod, "one", content=b"newer", content_type="", fetched_at=AGE + timedelta(days=1))
    note_refusal(ArchivedFile.objects.get(upstream_id="three"), status=404, is_final=True)
    before = rows_of(prod)
    totals = imported(prod, content)
    assert (totals.files, totals.refused, rows_of(prod)) == (0, 0, before)
    ArchivedFile.objects.filter(upstream_id="two").update(status=404, content=None)  # refused since
    assert imported(prod, content).files == 1
    assert bytes(ArchivedFile.objects.get(upstream_id="two").content) == PNG


def test_of_chosen_runs_come_the_files_that_they_and_their_threads_name(prod: Connection) -> None:
    a_run(prod, "a", images=("said",), plots=("made",))
    a_run(prod, "b", images=("elsewhere",), plots=("said",))
    for name in ("said", "made", "elsewhere"):
        kept(prod, name)
    there = taken_in(exported("run:run_b"))
    assert [row[:2] for row in rows_of(there)] == [("elsewhere", "thread_b"), ("said", "thread_b")]
    assert not meter_of(Thread.objects.get(connection=there)).is_complete


def line_of(*, at: str | None = AGE.isoformat(), **told: object) -> bytes:
    told = {"object": "runsdash.file", "id": "file-a", "status": 200, "size": 8, "digest": digest_of(PNG)} | told
    told = {"content": b64encode(PNG).decode()} | told
    told = {"object": told.pop("object"), **told, "_fetched_at": at}
    told = {name: value for name, value in told.items() if value != "left out"}
    return json.dumps(told, separators=(",", ":")).encode()


HOSTILE = {
    "no base64": line_of(content="%%%"), "not ascii": line_of(content="ü"), "a list": line_of(content=[1]),
    "a wrong size": line_of(size=9), "a wrong digest": line_of(digest="0" * 32), "no size": line_of(size="left out"),
    "a path": line_of(id="../../etc/passwd"), "no id": line_of(id=7), "a long id": line_of(id="x" * 201),
    "a control character": line_of(id="a\x01b"), "no content": line_of(content=None),
    "a refusal with content": line_of(status=404),
    "a status that is none": line_of(status=2**70, content=None), "a status of words": line_of(status={}),
    "no time": line_of(at=None), "a time of words": line_of(at="yesterday"), "cut off": line_of()[:60],
    "an assistant without id": b'{"object":"runsdash.assistant","id":[]}', "no object": b'{"object":"runsdash.',
    "deep": b'{"object":"runsdash.file","id":' + b"[" * 5000, "a look-alike": line_of(object="runsdash.files"),
    "too large": line_of(content=b64encode(bytes(MAX_FILE_BYTES + 1)).decode(), size=MAX_FILE_BYTES + 1),
}  # fmt: skip


@pytest.mark.parametrize("line", HOSTILE.values(), ids=HOSTILE)
def test_a_bad_line_is_told_and_the_others_go_on(prod: Connection, line: bytes) -> None:
    totals = imported(prod, b"\n".join([line, line_of(id="file-b")]))
    assert (totals.refused, totals.files, len(totals.refused_lines)) == (1, 1, 1)
    assert totals.refused_lines[0].number == 1
    assert ArchivedFile.objects.get().upstream_id == "file-b"


def test_assistants_come_along_and_the_newer_stays(prod: Connection) -> None:
    raw = {"id": run_object()["assistant_id"], "name": "Stock bot", "model": "gpt-4o", "tools": [{"type": "x"}]}
    upsert_assistants(prod, [objects.Assistant.from_raw(raw)], fetched_at=AGE)
    a_run(prod, "a")
    content = exported()
    there = taken_in(content)
    rows = Assistant.objects.values_list("upstream_id", "name", "model", "tools", "fetched_at")
    assert list(rows.filter(connection=there)) == list(rows.filter(connection=prod))
    assert imported(there, content).assistants == 0
    Assistant.objects.update(name="Older", fetched_at=AGE - timedelta(days=1))
    assert imported(there, content).assistants == 1
    assert set(rows.values_list("name", flat=True)) == {"Older", "Stock bot"}


def test_a_file_without_its_thread_is_kept_all_the_same(prod: Connection) -> None:
    assert imported(prod, line_of(thread_id="thread_nobody")).files == 1
    assert ArchivedFile.objects.get().thread is None
    a_run(prod, "a", images=("file-a",))
    assert ArchivedFile.objects.get().thread.upstream_id == "thread_a"


def test_every_kept_file_fits_into_a_line_and_blocks_stay_small() -> None:
    assert MAX_FILE_BYTES * 4 / 3 + 10_000 < MAX_LINE_BYTES
    thread = b'{"id":"t","object":"thread"}\n'
    large = line_of(content="A" * 3_000_000) + b"\n"
    blocks = list(ImportSource("x", io.BytesIO(thread + large * 6), datetime.now(UTC)).blocks())
    assert max(block.size for block in blocks) < BLOCK_BYTES + 2 * len(large)
    assert b"\n".join(line for block in blocks for line in block.lines) + b"\n" == thread + large * 6


@pytest.mark.long
@pytest.mark.usefixtures("usual_gc")
def test_one_file_at_a_time_is_in_memory(prod: Connection) -> None:
    size, names = 2_000_000, [f"file-{number}" for number in range(30)]
    a_run(prod, "a", images=tuple(names))
    for name in names:
        kept(prod, name, bytes(size))
    content = exported()
    assert len(content) > 30 * size * 4 / 3
    for act in (exported_piecewise, lambda: taken_in(content)):
        tracemalloc.start()
        act()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 55_000_000  # a group of blocks, and one file
        ArchivedFile.objects.exclude(connection=prod).delete()


def exported_piecewise() -> None:
    with chosen_runs(parsed("")) as chosen:
        assert max(sys.getsizeof(line) for line in lines(chosen)) < 3_000_000
